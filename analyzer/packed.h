/* A connection that has ended, made small while it is remembered for 2MSL.
 *
 * What a connection keeps is mostly zero bytes: unused parts, high bytes of counters. Its parts are
 * stored as one image with the zero bytes left out, and put back when a late segment asks for it. */
#ifndef LASTACK_ANALYZER_PACKED_H
#define LASTACK_ANALYZER_PACKED_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/connection.h"

struct packed; /* one malloc block: free() frees it */

/* NULL without memory, or where the connection holds what is rare in an ended one (holes, notes); then
 * it stays live. */
struct packed *packed_of(const struct connection *c);
/* The connection again; NULL without memory (the packed form stays valid). */
struct connection *packed_open(const struct packed *packed);
size_t packed_memory(const struct packed *packed);

#endif
