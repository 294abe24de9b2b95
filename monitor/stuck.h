/* Connections that hang in CLOSE_WAIT or FIN_WAIT_2: which of them were told while they are open.
 *
 * A connection is known by its first packet. Memory grows with those that are stuck and open now. */
#ifndef LASTACK_MONITOR_STUCK_H
#define LASTACK_MONITOR_STUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"

enum { STUCK_FINDINGS = 4 }; /* of a connection: two states, two sides */

struct stuck;

/* NULL with err without memory. */
struct stuck *stuck_new(const uint8_t hash_key[16], struct error *err);
void stuck_free(struct stuck *stuck); /* NULL is fine */

/* now: a connection as it is. True where it has findings of that kind that were not told: then *open is it with
 * those alone, in found. */
bool stuck_look(const struct stuck *stuck, const struct verdict *now, struct verdict *open,
		struct finding found[STUCK_FINDINGS]);
/* They have been told. Without memory for that they will be once more. */
void stuck_told(struct stuck *stuck, const struct verdict *open);
/* The connection's verdict is there: what was told of it (bits, as verdict.told); it is forgotten then. */
uint64_t stuck_over(struct stuck *stuck, const struct verdict *verdict);

#endif
