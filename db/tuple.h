/* Finding the connections of a pair of ends: all incarnations of ADDRESS:PORT-ADDRESS:PORT. */
#ifndef LASTACK_DB_TUPLE_H
#define LASTACK_DB_TUPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "db/address.h"
#include "db/store.h"

struct tuple {
	struct tuple_end {
		struct address_range address; /* of one address */
		uint16_t port;
	} end[2];
};

/* "192.0.2.1:40000-192.0.2.2:80", IPv6 in brackets. False with err that quotes what is wrong. */
bool tuple_parse(const char *text, struct tuple *tuple, struct error *err);

/* Ids of the connections between the two ends, whoever began them, in order of time. *ids is the
 * caller's to free; NULL with *count 0 where there is none. */
bool tuple_find(struct store *store, const struct tuple *tuple, int64_t **ids, size_t *count,
		struct error *err);

/* The connection that followed on the tuple of this one, in the same recording and on the same path;
 * 0: none. */
bool tuple_next(struct store *store, int64_t id, int64_t *next, struct error *err);

#endif
