/* What applications were found, each different result kept once, however many connections had it. */
#ifndef LASTACK_STREAMS_APPLICATION_TABLE_H
#define LASTACK_STREAMS_APPLICATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

struct application_table;

/* Server names come from the wire and may all be different: once the results in use take max_bytes,
 * new ones are shortened, first by the server name, then by the risks. In use is also what may be repeated
 * (dpi_memo.h). NULL without memory. */
struct application_table *application_table_new(size_t max_bytes, const uint8_t hash_key[16]);
void application_table_free(struct application_table *table); /* NULL is fine */

/* The table's copy of *wanted, to be given back by application_drop; NULL without memory. The names of
 * risks are borrowed, they must outlive the table; all else is copied. */
const struct application *application_take(struct application_table *table,
					   const struct application *wanted);
/* The same of one of its copies, that somebody has. */
const struct application *application_share(const struct application *application);
void application_drop(struct application_table *table, const struct application *application);

size_t application_table_count(const struct application_table *table);
size_t application_table_bytes(const struct application_table *table);
uint64_t application_table_shortened(const struct application_table *table);

#endif
