/* Who tried many services in vain. */
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "report/diagnosis_private.h"

enum { SCAN_SERVICES = 16, SUSPECTS = 1 << 14 };

/* An initiator with the distinct services that it failed at: their hashes, no more than tell. */
struct suspect {
	int64_t host_id; /* 0: free */
	uint64_t service[SCAN_SERVICES];
	size_t services;
};

struct suspects {
	struct suspect suspect[SUSPECTS]; /* hash table */
	size_t count;
	uint8_t key[SIPHASH_KEY_BYTES];
	sqlite3_stmt *rows; /* NULL until it is needed */
};

struct suspects *suspects_new(struct diagnosis_walk *w)
{
	struct suspects *s = calloc(1, sizeof(*s));

	if (s)
		arc4random_buf(s->key, sizeof(s->key));
	else
		walk_no_memory(w);
	return s;
}

void suspects_free(struct suspects *s)
{
	if (s)
		sqlite3_finalize(s->rows);
	free(s);
}

void suspects_forget(struct suspects *s)
{
	if (s->count > 0)
		memset(s->suspect, 0, sizeof(s->suspect));
	s->count = 0;
}

/* NULL: the table is full; who comes later is not watched. */
static struct suspect *suspect_of(struct suspects *s, int64_t host_id)
{
	size_t at = (size_t)siphash_1_3(s->key, &host_id, sizeof(host_id)) & (SUSPECTS - 1);

	while (s->suspect[at].host_id != 0 && s->suspect[at].host_id != host_id)
		at = (at + 1) & (SUSPECTS - 1);
	if (s->suspect[at].host_id == 0) {
		if (s->count >= SUSPECTS / 2)
			return NULL;
		s->count++;
		s->suspect[at].host_id = host_id;
	}
	return &s->suspect[at];
}

void suspects_take(struct suspects *s, int64_t initiator_id, int64_t responder_id, int64_t port)
{
	struct suspect *suspect = suspect_of(s, initiator_id);
	const int64_t service[2] = {responder_id, port};
	uint64_t hash;

	if (!suspect || suspect->services == SCAN_SERVICES)
		return;
	hash = siphash_1_3(s->key, service, sizeof(service));
	for (size_t i = 0; i < suspect->services; i++)
		if (suspect->service[i] == hash)
			return;
	suspect->service[suspect->services++] = hash;
}

static const char rows_sql[] =
	"SELECT initiator_id, responder_id, ports >> 16 FROM connections"
	" WHERE id BETWEEN ?1 AND ?2 AND +outcome_id IN (SELECT id FROM outcomes"
	" WHERE teardown IN ('refused', 'unanswered', 'handshake_aborted', 'handshake_incomplete'))"
	" ORDER BY id";

bool suspects_take_rows(struct suspects *s, struct diagnosis_walk *w, int64_t first, int64_t last)
{
	int step;

	if (!s->rows)
		s->rows = walk_prepare(w, rows_sql);
	if (!s->rows)
		return false;
	sqlite3_bind_int64(s->rows, 1, first);
	sqlite3_bind_int64(s->rows, 2, last);
	while ((step = sqlite3_step(s->rows)) == SQLITE_ROW)
		suspects_take(s, sqlite3_column_int64(s->rows, 0), sqlite3_column_int64(s->rows, 1),
			      sqlite3_column_int64(s->rows, 2));
	if (step != SQLITE_DONE)
		walk_failed(w);
	sqlite3_reset(s->rows);
	return step == SQLITE_DONE;
}

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

bool suspects_keep(const struct suspects *s, struct diagnosis_walk *w)
{
	w->scanner_count = 0;
	for (size_t i = 0; s->count > 0 && i < SUSPECTS; i++) {
		void *items = w->scanner;

		if (s->suspect[i].services < SCAN_SERVICES)
			continue;
		if (!walk_grow(w, &items, w->scanner_count, &w->scanner_room, sizeof(*w->scanner)))
			return false;
		w->scanner = items;
		w->scanner[w->scanner_count++] = s->suspect[i].host_id;
	}
	if (w->scanner_count > 0)
		qsort(w->scanner, w->scanner_count, sizeof(*w->scanner), ascending);
	return true;
}
