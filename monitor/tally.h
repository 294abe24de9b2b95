/* What the board tells of verdicts: counters, events, the servers with the most bad endings. */
#ifndef LASTACK_MONITOR_TALLY_H
#define LASTACK_MONITOR_TALLY_H

#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "monitor/board.h"

struct tally;

/* board is borrowed. NULL with err without memory. */
struct tally *tally_new(struct board *board, const uint8_t hash_key[16], struct error *err);
void tally_free(struct tally *tally); /* NULL is fine */
/* Of each verdict once, in one thread. One that is told again changes nothing; of an open connection the findings
 * are told, and not once more when it has ended. */
void tally_take(struct tally *tally, const struct verdict *verdict, int64_t connection_id);
/* Puts the servers on the board; a few times a second at most. */
void tally_servers(struct tally *tally);

#endif
