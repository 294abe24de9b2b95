/* A BPF filter expression over packets of any link type: compiled by libpcap, once for each. */
#ifndef LASTACK_SOURCE_FILTER_H
#define LASTACK_SOURCE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "source/packet.h"

struct filter;

enum filter_result {
	FILTER_MATCH,
	FILTER_NO_MATCH,
	FILTER_NO_MEANING, /* the expression does not compile for this link type: no match */
	FILTER_NO_MEMORY,
};

/* NULL with err, which quotes the expression, where it is valid for no kind of link. An expression
 * that only some link types have a meaning for ("wlan type mgt") is valid. */
struct filter *filter_new(const char *expression, struct error *err);
void filter_free(struct filter *filter); /* NULL is fine */
/* Compiles it for a link type now: later, names of hosts may be out of reach (guard/sandbox.h). False:
 * no memory. */
bool filter_prepare(struct filter *filter, uint32_t linktype);

enum filter_result filter_packet(struct filter *filter, const struct packet *packet);

/* What libpcap says of an expression is that memory ran out. */
bool filter_no_memory(const char *reason);

/* Fills err with why packets of the link type gave FILTER_NO_MEANING. */
void filter_refusal(const struct filter *filter, uint32_t linktype, struct error *err);

#endif
