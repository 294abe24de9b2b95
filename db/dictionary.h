/* Dictionaries of the database: hosts, paths, outcomes, applications, details of findings and
 * histories, each value stored once.
 *
 * A bounded cache in front of each turns a value into its id without asking SQLite; what is not in
 * the cache is looked up, and inserted where it is new. Ids are only good inside one transaction. */
#ifndef LASTACK_DB_DICTIONARY_H
#define LASTACK_DB_DICTIONARY_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "db/schema.h"

enum dictionary_kind {
	DICTIONARY_HOSTS,
	DICTIONARY_PATHS,
	DICTIONARY_OUTCOMES,
	DICTIONARY_APPLICATIONS,
	DICTIONARY_DETAILS,
	DICTIONARY_HISTORIES,
	DICTIONARIES
};

struct dictionaries;

/* NULL with err where there is no memory. db is borrowed and must outlive it. */
struct dictionaries *dictionaries_new(sqlite3 *db, struct error *err);
void dictionaries_free(struct dictionaries *d); /* NULL is fine */

/* At the start of a transaction, the tables in place: forgets all ids, prepares statements. */
bool dictionaries_begin(struct dictionaries *d, struct error *err);

bool dictionary_host(struct dictionaries *d, const struct ip_address *address, uint8_t version,
		     int64_t *id, struct error *err);
/* VLAN tags of both directions and the tunnel chain; *id is 0 where there are none. */
bool dictionary_path(struct dictionaries *d, const struct verdict *verdict, int64_t *id,
		     struct error *err);
bool dictionary_outcome(struct dictionaries *d, const struct verdict *verdict,
			enum timeline_kind timeline, int64_t *id, struct error *err);
/* Name, category, guessed, server name; *id is 0 where the application has no name or is NULL. */
bool dictionary_application(struct dictionaries *d, const struct application *application,
			    int64_t *id, struct error *err);
/* A sentence that many findings share. */
bool dictionary_detail(struct dictionaries *d, const char *detail, int64_t *id, struct error *err);
/* The letters of a connection, at most 64; NULL is the empty text. */
bool dictionary_history(struct dictionaries *d, const char *history, int64_t *id,
			struct error *err);

#endif
