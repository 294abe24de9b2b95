/* Writes a capture of TCP connections as a busy tap would see them, the same for the same options.
 *
 * Sizes are heavy-tailed (Pareto); every class of teardown occurs; some segments are lost before the
 * tap, some come again; a part is IPv6, a part tagged. Clients take their ports in turn, so that few
 * clients use their tuples again while they are in TIME_WAIT. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/frames.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };
enum { CLOSER, PEER };
enum { PAYLOAD = 1448, SEGMENTS_MAX = 20000, MOVES_MAX = 6, PORT_FIRST = 32768, PORTS = 28232 };

#define START_NS INT64_C(1770000000000000000)

/* One segment of a script. stale: it does not acknowledge what the peer sent last. */
struct move {
	uint8_t from, flags;
	bool stale;
};

struct script {
	const char *name;
	uint32_t weight;              /* of 1000 */
	bool established;             /* handshake and data come before */
	struct move moves[MOVES_MAX]; /* up to flags 0 */
};

static const struct script scripts[] = {
	{"three_segment",
	 520,
	 true,
	 {{CLOSER, FIN | ACK, 0}, {PEER, FIN | ACK, 0}, {CLOSER, ACK, 0}}},
	{"four_way",
	 200,
	 true,
	 {{CLOSER, FIN | ACK, 0}, {PEER, ACK, 0}, {PEER, FIN | ACK, 0}, {CLOSER, ACK, 0}}},
	{"simultaneous",
	 10,
	 true,
	 {{CLOSER, FIN | ACK, 0}, {PEER, FIN | ACK, 1}, {CLOSER, ACK, 0}, {PEER, ACK, 0}}},
	{"half_closed", 10, true, {{CLOSER, FIN | ACK, 0}, {PEER, ACK, 0}}},
	{"fin_unanswered", 5, true, {{CLOSER, FIN | ACK, 0}}},
	{"rst_abort", 80, true, {{CLOSER, RST | ACK, 0}}},
	{"rst_after_fin", 30, true, {{CLOSER, FIN | ACK, 0}, {PEER, ACK, 0}, {PEER, RST | ACK, 0}}},
	{"open", 15, true, {{0}}},
	{"refused", 50, false, {{CLOSER, SYN, 0}, {PEER, RST | ACK, 0}}},
	{"unanswered", 60, false, {{CLOSER, SYN, 0}}},
	{"handshake_aborted", 5, false, {{CLOSER, SYN, 0}, {PEER, SYN | ACK, 0}, {CLOSER, RST, 0}}},
	{"handshake_incomplete", 10, false, {{CLOSER, SYN, 0}, {PEER, SYN | ACK, 0}}},
	{"stray", 5, false, {{CLOSER, RST, 0}}},
};

static const struct move opening[] = {{0, SYN, 0}, {1, SYN | ACK, 0}, {0, ACK, 0}, {0}};

struct options {
	uint64_t connections, seed;
	double seconds, packets; /* of the capture; packets a connection, about */
	uint32_t clients, servers, snaplen;
	double loss, again, ip6, tagged; /* shares */
	const char *file;
};

struct connection {
	int64_t next_ns, pace_ns;
	const struct script *script;
	struct frame_end end[2]; /* client, server */
	uint32_t seq[2], acked[2];
	uint32_t segments; /* of data still to send */
	uint16_t vlan, ip_id;
	uint8_t phase, move, closer;
	bool ip6;
};

enum phase { OPENING, DATA, ENDING };

struct generator {
	struct options options;
	struct frames frames;
	uint64_t random;
	struct connection *pool; /* heap by next_ns */
	size_t running, room;
};

/* xorshift64*: good enough to look irregular, and the same everywhere. */
static uint64_t random_next(struct generator *g)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return g->random * UINT64_C(0x2545f4914f6cdd1d);
}

static double random_share(struct generator *g)
{
	return (double)(random_next(g) >> 11) / 9007199254740992.0;
}

static const struct script *choose_script(struct generator *g)
{
	uint32_t at = (uint32_t)(random_next(g) >> 32) % 1000;
	const struct script *s = scripts;

	while (at >= s->weight)
		at -= (s++)->weight;
	return s;
}

/* Pareto with an exponent of 1.3: the mean is 4.33 times the minimum. */
static uint32_t choose_segments(struct generator *g)
{
	double least = (g->options.packets - 7) / 1.5 / 4.33;
	double many = (least > 0.3 ? least : 0.3) / pow(1 - random_share(g), 1 / 1.3);

	return many < SEGMENTS_MAX ? (uint32_t)many : SEGMENTS_MAX;
}

static struct connection connection_new(struct generator *g, uint64_t number)
{
	const struct options *o = &g->options;
	uint32_t client = (uint32_t)(number % o->clients);
	uint64_t round = number / o->clients, bits = random_next(g);
	struct connection c = {
		.script = choose_script(g),
		.end = {{0x010000 + client, (uint16_t)(PORT_FIRST + round % PORTS)},
			{0x800000 + (uint32_t)(bits % o->servers),
			 (uint16_t)(bits >> 40 & 1 ? 443 : 80)}},
		.seq = {(uint32_t)bits, (uint32_t)(bits >> 32)},
		.pace_ns = 200000 + (int64_t)(random_next(g) % 20000000),
		.ip6 = random_share(g) < o->ip6,
		.vlan = random_share(g) < o->tagged ? (uint16_t)(100 + client % 8) : 0,
		.closer = (uint8_t)(bits >> 50 & 1),
		.ip_id = (uint16_t)bits,
		.phase = OPENING,
	};

	c.segments = c.script->established ? choose_segments(g) : 0;
	if (!c.script->established) {
		c.phase = ENDING;
		c.closer = 0;
	}
	c.next_ns = START_NS +
		    (int64_t)((double)number * o->seconds * 1e9 / (double)o->connections);
	return c;
}

/* ---- the heap: who sends next ---- */

static void heap_down(struct connection *heap, size_t count)
{
	struct connection top = heap[0];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < count) {
		if (child + 1 < count && heap[child + 1].next_ns < heap[child].next_ns)
			child++;
		if (heap[child].next_ns >= top.next_ns)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = top;
}

static bool heap_add(struct generator *g, const struct connection *c)
{
	size_t at;

	if (g->running == g->room) {
		size_t room = g->room ? 2 * g->room : 4096;
		struct connection *pool = realloc(g->pool, room * sizeof(*pool));

		if (!pool)
			return false;
		g->pool = pool;
		g->room = room;
	}
	for (at = g->running++; at > 0 && g->pool[(at - 1) / 2].next_ns > c->next_ns;
	     at = (at - 1) / 2)
		g->pool[at] = g->pool[(at - 1) / 2];
	g->pool[at] = *c;
	return true;
}

/* ---- segments ---- */

static void send(struct generator *g, struct connection *c, int from, uint8_t flags,
		 uint32_t payload)
{
	struct frame_segment s = {
		.from = c->end[from],
		.to = c->end[!from],
		.ts_ns = c->next_ns,
		.seq = c->seq[from],
		.ack = c->acked[from],
		.payload = payload,
		.ts_val = (uint32_t)(c->next_ns / 1000000) + (uint32_t)from,
		.ts_ecr = (uint32_t)(c->next_ns / 1000000) - 1,
		.window = 502,
		.ip_id = c->ip6 ? 0 : c->ip_id++,
		.vlan = c->vlan,
		.flags = flags,
		.ttl = from ? 57 : 64,
		.ip6 = c->ip6,
		.syn_options = flags & SYN,
	};

	c->seq[from] += payload + ((flags & (SYN | FIN)) ? 1 : 0);
	if (!(flags & SYN) && random_share(g) < g->options.loss)
		return;
	frames_put(&g->frames, &s);
	if (random_share(g) >= g->options.again || (flags & RST))
		return;
	s.ts_ns += 1500000; /* again, past what counts as the tap's own copy */
	s.ip_id = c->ip6 ? 0 : c->ip_id++;
	frames_put(&g->frames, &s);
	c->next_ns = s.ts_ns;
}

/* Plays the move at c->move; false: there is none left. */
static bool play_move(struct generator *g, struct connection *c, const struct move *moves,
		      int first)
{
	const struct move *m = &moves[c->move];
	int from = m->from ^ first;

	if (c->move == MOVES_MAX || m->flags == 0)
		return false;
	if (!m->stale)
		c->acked[from] = c->seq[!from];
	send(g, c, from, m->flags, 0);
	c->move++;
	return true;
}

/* The server sends, but for the first segment; every second one is acknowledged. */
static void play_data(struct generator *g, struct connection *c, uint32_t number)
{
	int from = number > 1;

	c->acked[from] = c->seq[!from];
	send(g, c, from, ACK | PSH, number == 1 ? 300 : PAYLOAD);
	if (number % 2)
		return;
	c->acked[!from] = c->seq[from];
	send(g, c, !from, ACK, 0);
}

/* One step; false: the connection has nothing more to send. */
static bool play(struct generator *g, struct connection *c)
{
	bool more = true;

	if (c->phase == OPENING && !play_move(g, c, opening, 0)) {
		c->phase = DATA;
		c->move = 1;
	}
	if (c->phase == DATA) {
		if (c->segments == 0) {
			c->phase = ENDING;
			c->move = 0;
		} else {
			play_data(g, c, c->move);
			c->move = c->move == 1 ? 2 : c->move ^ 1;
			c->segments--;
		}
	}
	if (c->phase == ENDING)
		more = play_move(g, c, c->script->moves, c->closer);
	c->next_ns += c->phase == DATA ? c->pace_ns / 16 : c->pace_ns;
	return more;
}

static bool generate(struct generator *g)
{
	uint64_t started = 0, count = g->options.connections;
	struct connection next = connection_new(g, 0);

	while (started < count || g->running > 0) {
		if (started < count && (g->running == 0 || next.next_ns <= g->pool[0].next_ns)) {
			if (!heap_add(g, &next))
				return false;
			if (++started < count)
				next = connection_new(g, started);
		}
		if (!play(g, &g->pool[0])) {
			g->pool[0] = g->pool[--g->running];
			if (g->running == 0)
				continue;
		}
		heap_down(g->pool, g->running);
	}
	return !g->frames.failed;
}

static bool option(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		double *share;
		uint32_t *number;
		uint64_t *count;
	} known[] = {
		{"--connections", NULL, NULL, &o->connections},
		{"--seed", NULL, NULL, &o->seed},
		{"--seconds", &o->seconds, NULL, NULL},
		{"--packets", &o->packets, NULL, NULL},
		{"--clients", NULL, &o->clients, NULL},
		{"--servers", NULL, &o->servers, NULL},
		{"--snaplen", NULL, &o->snaplen, NULL},
		{"--loss", &o->loss, NULL, NULL},
		{"--again", &o->again, NULL, NULL},
		{"--ip6", &o->ip6, NULL, NULL},
		{"--tagged", &o->tagged, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		if (known[i].share)
			*known[i].share = strtod(value, NULL);
		else if (known[i].number)
			*known[i].number = (uint32_t)strtoul(value, NULL, 10);
		else
			*known[i].count = strtoull(value, NULL, 10);
		return true;
	}
	return false;
}

static const char usage[] =
	"generate [--connections N] [--seconds S] [--packets A_CONNECTION] [--seed N] [--clients "
	"N]\n"
	"         [--servers N] [--snaplen BYTES] [--loss SHARE] [--again SHARE] [--ip6 SHARE]\n"
	"         [--tagged SHARE] FILE\n";

int main(int argc, char **argv)
{
	struct generator g = {.options = {.connections = 200000,
					  .seed = 1,
					  .seconds = 60,
					  .packets = 20,
					  .clients = 500,
					  .servers = 20,
					  .loss = 0.0005,
					  .again = 0.002,
					  .ip6 = 0.2,
					  .tagged = 0.1}};
	static char buffer[1 << 20];
	bool ok = argc > 1 && argc % 2 == 0 && argv[argc - 1][0] != '-';
	FILE *out;

	for (int i = 1; ok && i + 1 < argc; i += 2)
		ok = option(&g.options, argv[i], argv[i + 1]);
	if (!ok || g.options.clients == 0 || g.options.servers == 0 || g.options.seed == 0) {
		fputs(usage, stderr);
		return 2;
	}
	g.random = g.options.seed * UINT64_C(0x9e3779b97f4a7c15);
	out = fopen(argv[argc - 1], "wb");
	if (!out) {
		perror(argv[argc - 1]);
		return 1;
	}
	setvbuf(out, buffer, _IOFBF, sizeof(buffer));
	frames_begin(&g.frames, out, g.options.snaplen);
	ok = generate(&g);
	ok &= fclose(out) == 0;
	free(g.pool);
	if (!ok)
		perror(argv[argc - 1]);
	else
		printf("%llu packets, %llu bytes\n", (unsigned long long)g.frames.packets,
		       (unsigned long long)g.frames.bytes);
	return ok ? 0 : 1;
}
