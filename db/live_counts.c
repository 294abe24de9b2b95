/* What has been counted since a recording began: a run may make several, where its database is opened anew. */
#include "db/live_private.h"

static void subtract(uint64_t *from, uint64_t what)
{
	*from -= what;
}

static void decoded_since(struct decode_counts *now, const struct decode_counts *before)
{
	for (int i = 0; i < DECODE_REASONS; i++)
		subtract(&now->reason[i], before->reason[i]);
	subtract(&now->fragments, before->fragments);
	subtract(&now->datagrams_reassembled, before->datagrams_reassembled);
	subtract(&now->fragments_expired, before->fragments_expired);
	subtract(&now->tunnelled, before->tunnelled);
	subtract(&now->bad_options, before->bad_options);
}

/* Peaks are of the whole run. */
static void engine_since(struct engine_counts *now, const struct engine_counts *before)
{
	subtract(&now->segments, before->segments);
	subtract(&now->duplicates, before->duplicates);
	subtract(&now->connections, before->connections);
	subtract(&now->evicted, before->evicted);
	subtract(&now->evicted_unanswered, before->evicted_unanswered);
	subtract(&now->evicted_ended, before->evicted_ended);
	subtract(&now->evicted_alive, before->evicted_alive);
	subtract(&now->stream_holes_given_up, before->stream_holes_given_up);
}

void live_counts_since(struct live_counts *now, const struct live_counts *before)
{
	decoded_since(&now->decoded, &before->decoded);
	engine_since(&now->engine, &before->engine);
	for (size_t i = 0; i < sizeof(now->interface) / sizeof(now->interface[0]); i++) {
		struct feed_interface *f = &now->interface[i];

		subtract(&f->packets, before->interface[i].packets);
		subtract(&f->bytes, before->interface[i].bytes);
		subtract(&f->wire_bytes, before->interface[i].wire_bytes);
		subtract(&f->backwards, before->interface[i].backwards);
		for (int d = 0; d < LIVE_DROPS; d++)
			subtract(&now->drops[i][d], before->drops[i][d]);
	}
	subtract(&now->clock_steps, before->clock_steps);
}
