#include "monitor/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

/* Servers are counted in a table of sets; in a full set the one with the fewest bad endings gives way. */
enum { SETS = 1024, WAYS = 8 };

struct server {
	struct board_server counts;
	uint64_t last; /* verdict that touched it last; 0: free */
};

struct tally {
	struct board *board;
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	uint64_t verdicts;
	struct server server[SETS][WAYS];
};

struct tally *tally_new(struct board *board, const uint8_t hash_key[16], struct error *err)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (!t) {
		error_set(err, "out of memory");
		return NULL;
	}
	t->board = board;
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
	return t;
}

void tally_free(struct tally *t)
{
	free(t);
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
	atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static struct board_end end_of(const struct verdict *v, enum side side)
{
	struct board_end end;

	memset(&end, 0, sizeof(end)); /* compared and hashed as bytes */
	end.address = v->dir[side].address;
	end.port = v->dir[side].port;
	end.ip_version = v->ip_version;
	return end;
}

/* Every connection that reached a handshake or was refused, and is not clean. */
static bool is_bad(const struct verdict *v)
{
	switch (v->teardown) {
	case TEARDOWN_STRAY:
	case TEARDOWN_UNANSWERED:
	case TEARDOWN_HANDSHAKE_ABORTED:
	case TEARDOWN_HANDSHAKE_INCOMPLETE:
		return false;
	default:
		return !v->clean;
	}
}

static struct server *server_of(struct tally *t, const struct board_end *end)
{
	struct server *set = t->server[siphash(t->hash_key, end, sizeof(*end)) % SETS];
	struct server *least = &set[0];

	for (int i = 0; i < WAYS; i++) {
		struct server *s = &set[i];

		if (s->last != 0 && memcmp(&s->counts.end, end, sizeof(*end)) == 0)
			return s;
		if (s->last == 0 || (least->last != 0 && (s->counts.bad < least->counts.bad ||
							  (s->counts.bad == least->counts.bad &&
							   s->last < least->last))))
			least = s;
	}
	memset(least, 0, sizeof(*least));
	least->counts.end = *end;
	return least;
}

static void count_server(struct tally *t, const struct verdict *v, const struct board_end *end)
{
	struct server *s = server_of(t, end);

	s->last = t->verdicts;
	s->counts.connections++;
	s->counts.bad += is_bad(v);
	s->counts.teardowns[v->teardown]++;
}

static void count(struct tally *t, const struct verdict *v)
{
	struct board *b = t->board;
	bool lossy = false;

	add(&b->connections, 1);
	add(&b->teardowns[v->teardown], 1);
	add(&b->end_reasons[v->end_reason], 1);
	if (v->rst_cause != RST_CAUSE_NULL)
		add(&b->rst_causes[v->rst_cause], 1);
	for (int side = 0; side < SIDES; side++)
		if (v->dir[side].fin_check == FIN_VIOLATED)
			add(&b->fin_violations, 1);
	if (v->time_wait_holder != SIDE_NONE)
		add(&b->time_wait_checks[v->time_wait_check], 1);
	for (size_t i = 0; i < v->finding_count; i++)
		lossy = lossy || v->findings[i].code == FINDING_CAPTURE_LOSS;
	if (lossy)
		add(&b->lossy_connections, 1);
}

/* A connection's findings, but for those that were told while it was open. */
static void tell_findings(struct tally *t, const struct verdict *v, struct board_event *event)
{
	event->kind = BOARD_FINDING;
	for (size_t i = 0; i < v->finding_count; i++) {
		const struct finding *f = &v->findings[i];

		if (v->told >> f->code & 1)
			continue;
		add(&t->board->findings[f->code], 1);
		event->severity = f->severity;
		event->side = f->side;
		event->code = f->code;
		event->ts_ns = f->ts_ns;
		memcpy(event->detail, f->detail, sizeof(event->detail));
		board_tell(t->board, event);
	}
}

static void tell(struct tally *t, const struct verdict *v, int64_t id,
		 const struct board_end end[SIDES])
{
	struct board_event event = {
		.kind = BOARD_TEARDOWN,
		.side = (uint8_t)v->closer,
		.teardown = (uint8_t)v->teardown,
		.end_reason = (uint8_t)v->end_reason,
		.closer = (uint8_t)v->closer,
		.rst_cause = (uint8_t)v->rst_cause,
		.ts_ns = v->end_ns != NONE_NS ? v->end_ns : v->last_ns,
		.connection_id = id,
		.initiator = end[SIDE_INITIATOR],
		.responder = end[SIDE_RESPONDER],
	};

	_Static_assert(FINDING_CODES <= 64, "a bit of a verdict's told each");
	if (!v->open)
		board_tell(t->board, &event);
	tell_findings(t, v, &event);
}

void tally_take(struct tally *t, const struct verdict *v, int64_t connection_id)
{
	struct board_end end[SIDES];

	if (v->again)
		return;
	for (int side = 0; side < SIDES; side++)
		end[side] = end_of(v, (enum side)side);
	if (!v->open) {
		t->verdicts++;
		count(t, v);
		count_server(t, v, &end[SIDE_RESPONDER]);
	}
	tell(t, v, connection_id, end);
}

static int worse_first(const void *one, const void *other)
{
	const struct board_server *a = one, *b = other;

	if (a->bad != b->bad)
		return a->bad < b->bad ? 1 : -1;
	if (a->connections != b->connections)
		return a->connections < b->connections ? 1 : -1;
	return memcmp(&a->end, &b->end, sizeof(a->end));
}

void tally_servers(struct tally *t)
{
	struct board_server top[BOARD_SERVERS + 1];
	uint32_t count_top = 0;

	for (size_t set = 0; set < SETS; set++) {
		for (size_t way = 0; way < WAYS; way++) {
			const struct server *s = &t->server[set][way];
			uint32_t at;

			if (s->last == 0)
				continue;
			for (at = count_top; at > 0 && worse_first(&s->counts, &top[at - 1]) < 0;
			     at--)
				if (at < BOARD_SERVERS)
					top[at] = top[at - 1];
			if (at < BOARD_SERVERS) {
				top[at] = s->counts;
				count_top += count_top < BOARD_SERVERS;
			}
		}
	}
	board_put_servers(t->board, top, count_top);
}
