/* Which reset counts (semantics section 2) and what explains it (section 7). */
#ifndef LASTACK_ANALYZER_RESET_H
#define LASTACK_ANALYZER_RESET_H

#include "analyzer/connection.h"

enum rst_class { RST_EXACT, RST_IN_WINDOW, RST_OUT_OF_WINDOW };

/* Would the receiver have accepted this RST of from, as far as the capture shows? */
enum rst_class reset_class(const struct connection *c, enum side from, const struct segment *s);
/* True where the RST's SEQ is one of the receiver's last ACKs, or its last ACK: it answers it. */
bool reset_answers_ack(const struct connection *c, enum side from, uint32_t seq);

/* Takes a RST in: a new hypothesis, or a count. It changes nothing else of the connection. False
 * without memory. */
bool reset_take(struct connection *c, enum side from, const struct segment *s,
		const struct moment *at);
/* Tells the hypotheses of a segment without RST that reaches up to end, after it was taken in: they are taken back once
 * both ends went on past them. False without memory. */
bool reset_outlived(struct connection *c, enum side from, const struct segment *s, uint32_t end,
		    const struct moment *at);

#endif
