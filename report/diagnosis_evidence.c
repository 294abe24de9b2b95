/* Who and which: the parties and the example connections of a diagnosis. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/ladder.h"
#include "report/diagnosis_private.h"
#include "report/format.h"
#include "report/stored.h"

enum { LADDER_SEGMENTS = 256, DETAIL_SIZE = 256 };

/* The slot's parties, most affected first; equal ones as they came. */
static size_t top_parties(const struct diagnosis_slots *s, size_t slot, size_t top[])
{
	size_t count = 0;

	for (size_t i = 0; i < s->party_count; i++) {
		size_t at;

		if (s->party[i].slot != slot + 1)
			continue;
		for (at = count;
		     at > 0 && s->party[top[at - 1]].connections < s->party[i].connections; at--)
			if (at < DIAGNOSIS_PARTIES)
				top[at] = top[at - 1];
		if (at < DIAGNOSIS_PARTIES)
			top[at] = i;
		if (count < DIAGNOSIS_PARTIES)
			count++;
	}
	return count;
}

/* A prefix of clients with the connections that came from it. */
struct prefix {
	uint8_t key[16], version;
	uint64_t connections;
	char first[48]; /* the address met first */
	bool several;   /* others, too */
};

enum { PREFIXES_MAX = 256, IPV4_BYTES = 15, IPV6_BYTES = 8 };

static void count_prefix(struct prefix *prefixes, size_t *count, sqlite3_stmt *row,
			 uint64_t connections)
{
	const uint8_t *key = sqlite3_column_blob(row, 0);
	const char *address = (const char *)sqlite3_column_text(row, 1);
	struct prefix wanted = {.version = (uint8_t)sqlite3_column_int(row, 2)};
	size_t i = 0;

	if (!key || !address || sqlite3_column_bytes(row, 0) != 16)
		return;
	memcpy(wanted.key, key, wanted.version == 4 ? IPV4_BYTES : IPV6_BYTES);
	while (i < *count && (memcmp(prefixes[i].key, wanted.key, sizeof(wanted.key)) != 0 ||
			      prefixes[i].version != wanted.version))
		i++;
	if (i == PREFIXES_MAX)
		return;
	if (i == *count) {
		prefixes[(*count)++] = wanted;
		snprintf(prefixes[i].first, sizeof(prefixes[i].first), "%s", address);
	}
	prefixes[i].several |= strcmp(prefixes[i].first, address) != 0;
	prefixes[i].connections += connections;
}

static char *prefix_text(const struct prefix *p)
{
	char text[64];

	if (!p->several)
		snprintf(text, sizeof(text), "%s", p->first);
	else if (p->version == 4)
		snprintf(text, sizeof(text), "%u.%u.%u.0/24", p->key[12], p->key[13], p->key[14]);
	else
		snprintf(text, sizeof(text), "%x:%x:%x:%x::/64", p->key[0] << 8 | p->key[1],
			 p->key[2] << 8 | p->key[3], p->key[4] << 8 | p->key[5],
			 p->key[6] << 8 | p->key[7]);
	return strdup(text);
}

/* The prefix that half of the party's connections or more came from; NULL stays where there is none. */
static bool find_clients(struct diagnosis_walk *w, size_t party, struct diagnosis_party *out)
{
	struct prefix *prefixes = calloc(PREFIXES_MAX, sizeof(*prefixes));
	size_t count = 0;
	bool good = true;

	if (!prefixes)
		return walk_no_memory(w);
	for (size_t i = 0; good && i < w->slots.client_count; i++) {
		const struct client_tally *c = &w->slots.client[i];
		sqlite3_stmt *s;

		if (c->party != party + 1)
			continue;
		s = walk_statement(w, WALK_HOST, c->host_id);
		good = s != NULL;
		if (good && walk_row(w, s))
			count_prefix(prefixes, &count, s, c->connections);
		sqlite3_reset(s);
	}
	for (size_t i = 0; good && i < count; i++)
		if (prefixes[i].connections * 2 >= out->connections && !out->clients)
			good = (out->clients = prefix_text(&prefixes[i])) || walk_no_memory(w);
	free(prefixes);
	return good;
}

static bool find_application(struct diagnosis_walk *w, const struct party_tally *tally, char **name)
{
	sqlite3_stmt *s;

	if (tally->of_application * 2 <= tally->connections)
		return true;
	s = walk_statement(w, WALK_APPLICATION, tally->application_id);
	if (!s)
		return false;
	if (walk_row(w, s))
		*name = walk_text(w, s, 0);
	sqlite3_reset(s);
	return true;
}

bool diagnosis_parties(struct diagnosis_walk *w, size_t slot, struct diagnosis *d)
{
	size_t top[DIAGNOSIS_PARTIES];
	size_t count = top_parties(&w->slots, slot, top);

	for (size_t i = 0; i < count; i++) {
		const struct party_tally *tally = &w->slots.party[top[i]];
		struct diagnosis_party *party = &d->parties[d->party_count++];

		*party = (struct diagnosis_party){.port = tally->port,
						  .connections = tally->connections};
		party->address = walk_address(w, tally->host_id);
		if (!party->address || !find_application(w, tally, &party->application) ||
		    !find_clients(w, top[i], party))
			return false;
		party->of = party_counts_of(&w->counts, tally->host_id, tally->port);
		if (party->of < party->connections) /* the host was the called end, too */
			party->of = 0;
	}
	return true;
}

/* The packet of the reset, or of the last FIN, from the segments kept: where the end shows. */
static bool find_packet(struct diagnosis_walk *w, struct diagnosis_example *e)
{
	sqlite3_stmt *s = walk_statement(w, WALK_LADDER, e->connection_id);
	struct ladder_segment *segments = calloc(LADDER_SEGMENTS, sizeof(*segments));
	size_t count = 0;
	bool good = s && (segments || walk_no_memory(w));

	if (good && walk_row(w, s)) {
		struct ladder_base base = {.first_ns = sqlite3_column_int64(s, 0),
					   .first_packet = (uint64_t)sqlite3_column_int64(s, 1)};

		ladder_unpack(&base, sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2),
			      segments, LADDER_SEGMENTS, &count);
	}
	for (size_t i = 0; i < count; i++) {
		const struct ladder_segment *at = &segments[i];

		if (at->file != segments[0].file || !(at->flags & (TCP_RST | TCP_FIN)))
			continue;
		e->packet = at->packet;
		e->ts_ns = at->ts_ns;
		if (at->flags & TCP_RST)
			break;
	}
	free(segments);
	sqlite3_reset(s);
	return good;
}

/* Of WALK_EXAMPLE. */
enum example_column {
	EXAMPLE_FIRST,
	EXAMPLE_LAST,
	EXAMPLE_INITIATOR_IP,
	EXAMPLE_INITIATOR_PORT,
	EXAMPLE_RESPONDER_IP,
	EXAMPLE_RESPONDER_PORT,
	EXAMPLE_CAPTURE,
	EXAMPLE_TEARDOWN,
	EXAMPLE_CLOSER,
	EXAMPLE_RST_BY,
	EXAMPLE_CAUSE,
	EXAMPLE_STAGE,
	EXAMPLE_TTL,
	EXAMPLE_SENDER_TTL,
	EXAMPLE_SILENCE,
	EXAMPLE_IDLE,
	EXAMPLE_FIN_SILENCE,
	EXAMPLE_REUSE_DELAY,
	EXAMPLE_REUSE_RULE,
	EXAMPLE_PACKETS,
	EXAMPLE_FIRST_PACKET,
};

/* How it ended, where no reset ended it. */
static void write_end(char *out, size_t size, sqlite3_stmt *s)
{
	const char *teardown = stored_text(s, EXAMPLE_TEARDOWN, "?");
	const char *closer = stored_text(s, EXAMPLE_CLOSER, "none");
	char time[FORMAT_SIZE], delay[FORMAT_SIZE];
	int sent = sqlite3_column_int(s, EXAMPLE_PACKETS);

	if (sqlite3_column_type(s, EXAMPLE_REUSE_DELAY) != SQLITE_NULL)
		snprintf(out, size, "A new SYN came %s after the entry into TIME_WAIT (%s).",
			 format_duration(delay, sqlite3_column_int64(s, EXAMPLE_REUSE_DELAY)),
			 stored_text(s, EXAMPLE_REUSE_RULE, "?"));
	else if (strcmp(teardown, "unanswered") == 0)
		snprintf(out, size, "The initiator sent %d segment%s and got no answer.", sent,
			 sent == 1 ? "" : "s");
	else if (strcmp(teardown, "open") == 0)
		snprintf(out, size, "Neither FIN nor reset; the last segment came at %s.",
			 format_time(time, sqlite3_column_int64(s, EXAMPLE_LAST)));
	else if (strcmp(teardown, "handshake_incomplete") == 0)
		snprintf(out, size, "The SYN was answered, and the handshake was never finished.");
	else
		snprintf(out, size, "It ended as %s, closed first by: %s.", teardown, closer);
}

/* The reset that ended it. */
static void write_reset(char *out, size_t size, sqlite3_stmt *s)
{
	char silence[FORMAT_SIZE], idle[FORMAT_SIZE], ttl[64] = "", before[96] = "";
	int64_t idle_ns = sqlite3_column_int64(s, EXAMPLE_IDLE);
	int64_t silence_ns = sqlite3_column_int64(s, EXAMPLE_SILENCE);
	int own = sqlite3_column_int(s, EXAMPLE_TTL),
	    sender = sqlite3_column_int(s, EXAMPLE_SENDER_TTL);

	format_duration(silence, silence_ns);
	if (strcmp(stored_text(s, EXAMPLE_TEARDOWN, ""), "refused") == 0) {
		snprintf(out, size, "The SYN was answered with a reset after %s.", silence);
		return;
	}
	if (own != 0 && sender != 0 && own != sender)
		snprintf(ttl, sizeof(ttl), ", TTL %d where its sender had %d", own, sender);
	if (sqlite3_column_type(s, EXAMPLE_IDLE) != SQLITE_NULL && idle_ns != silence_ns)
		snprintf(before, sizeof(before), ", which broke a silence of %s",
			 format_duration(idle, idle_ns));
	snprintf(out, size, "Reset by the %s (%s, stage %s) %s after the segment before it%s%s.",
		 stored_text(s, EXAMPLE_RST_BY, "?"), stored_text(s, EXAMPLE_CAUSE, "?"),
		 stored_text(s, EXAMPLE_STAGE, "unknown"), silence, before, ttl);
}

/* A sentence about one connection, from its columns. */
static void write_detail(char *out, size_t size, sqlite3_stmt *s)
{
	char silence[FORMAT_SIZE];
	size_t used;

	if (sqlite3_column_type(s, EXAMPLE_RST_BY) == SQLITE_NULL)
		write_end(out, size, s);
	else
		write_reset(out, size, s);
	if (sqlite3_column_type(s, EXAMPLE_FIN_SILENCE) == SQLITE_NULL)
		return;
	used = strlen(out);
	snprintf(out + used, size - used, " Its FIN came %s after the last data.",
		 format_duration(silence, sqlite3_column_int64(s, EXAMPLE_FIN_SILENCE)));
}

/* The finding a rule of this code rests on, where it rests on one. */
static bool find_finding(struct diagnosis_walk *w, enum diagnosis_code code,
			 struct diagnosis_example *e)
{
	sqlite3_stmt *s = walk_statement(w, WALK_FINDINGS, e->connection_id);
	uint32_t wanted = rule_findings(code);
	bool good = s != NULL, found = false;

	while (good && !found && walk_row(w, s)) {
		if (!(wanted >> stored_finding(s, 0) & 1))
			continue;
		found = true;
		e->ts_ns = sqlite3_column_int64(s, 1);
		e->packet = (uint64_t)sqlite3_column_int64(s, 2);
		free(e->detail);
		free(e->capture);
		e->detail = walk_text(w, s, 3);
		e->capture = walk_text(w, s, 4);
		good = (e->detail && e->capture) || walk_no_memory(w);
	}
	sqlite3_reset(s);
	return good;
}

static bool read_example(struct diagnosis_walk *w, enum diagnosis_code code, int64_t id,
			 struct diagnosis *d)
{
	struct diagnosis_example *e = &d->examples[d->example_count];
	sqlite3_stmt *s = walk_statement(w, WALK_EXAMPLE, id);
	char detail[DETAIL_SIZE];

	if (!s)
		return false;
	if (!walk_row(w, s)) {
		sqlite3_reset(s);
		return true;
	}
	write_detail(detail, sizeof(detail), s);
	d->example_count++;
	*e = (struct diagnosis_example){
		.connection_id = id,
		.ts_ns = sqlite3_column_int64(s, EXAMPLE_FIRST),
		.packet = (uint64_t)sqlite3_column_int64(s, EXAMPLE_FIRST_PACKET),
		.initiator_ip = strdup(stored_text(s, EXAMPLE_INITIATOR_IP, "?")),
		.initiator_port = (uint16_t)sqlite3_column_int(s, EXAMPLE_INITIATOR_PORT),
		.responder_ip = strdup(stored_text(s, EXAMPLE_RESPONDER_IP, "?")),
		.responder_port = (uint16_t)sqlite3_column_int(s, EXAMPLE_RESPONDER_PORT),
		.capture = strdup(stored_text(s, EXAMPLE_CAPTURE, "?")),
		.detail = strdup(detail),
	};
	sqlite3_reset(s);
	if (!e->initiator_ip || !e->responder_ip || !e->capture || !e->detail)
		return walk_no_memory(w);
	return find_packet(w, e) && (rule_findings(code) == 0 || find_finding(w, code, e));
}

/* Those of the most affected party, or one of each of the first three. */
bool diagnosis_examples(struct diagnosis_walk *w, size_t slot, struct diagnosis *d)
{
	size_t top[DIAGNOSIS_PARTIES];
	size_t parties = top_parties(&w->slots, slot, top);

	for (size_t round = 0; round < DIAGNOSIS_EXAMPLES; round++)
		for (size_t i = 0; i < parties && d->example_count < DIAGNOSIS_EXAMPLES; i++) {
			const struct party_tally *tally = &w->slots.party[top[i]];

			if (round < tally->connections && tally->example[round] != 0 &&
			    !read_example(w, w->slots.slot[slot].code, tally->example[round], d))
				return false;
		}
	return true;
}
