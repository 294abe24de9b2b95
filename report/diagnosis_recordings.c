/* Each recording's range of connections, and who in it tried many services in vain. */
#include <stdlib.h>

#include "base/siphash.h"
#include "db/block_search.h"
#include "report/diagnosis_private.h"

enum { SCAN_SERVICES = 16, SUSPECTS = 1 << 14 };

/* An initiator with the distinct services that it failed at: their hashes, no more than tell. */
struct suspect {
	int64_t host_id; /* 0: free */
	uint64_t service[SCAN_SERVICES];
	size_t services;
};

struct suspects {
	struct suspect *suspect; /* hash table with SUSPECTS places */
	size_t count;
	uint8_t key[SIPHASH_KEY_BYTES];
};

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

static void take_attempt(struct suspects *s, sqlite3_stmt *row)
{
	struct suspect *suspect = suspect_of(s, sqlite3_column_int64(row, 0));
	int64_t service[2] = {sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
	uint64_t hash;

	if (!suspect || suspect->services == SCAN_SERVICES)
		return;
	hash = siphash_1_3(s->key, service, sizeof(service));
	for (size_t i = 0; i < suspect->services; i++)
		if (suspect->service[i] == hash)
			return;
	suspect->service[suspect->services++] = hash;
}

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static bool keep_scanners(struct diagnosis_walk *w, const struct suspects *s)
{
	w->scanner_count = 0;
	for (size_t i = 0; i < SUSPECTS; i++) {
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

/* The outcomes of failed attempts. */
#define FAILED_OUTCOMES                                                                            \
	"SELECT id FROM outcomes WHERE teardown IN ('refused', 'unanswered', 'handshake_aborted'," \
	" 'handshake_incomplete')"

/* The blocks that can hold some of the range: a JSON array from sqlite3_malloc; NULL with err. */
static char *failed_blocks(struct diagnosis_walk *w, const int64_t range[2])
{
	sqlite3_stmt *outcomes = walk_prepare(w, FAILED_OUTCOMES);
	struct block_search search = {0};
	struct id_set set = {0};
	char *blocks = NULL;
	bool good = outcomes && id_set_read(&set, outcomes, w->err) &&
		    block_search_open(&search, w->db, w->err);

	for (size_t i = 0; good && i < search.count; i++)
		if (search.block[i].id < block_of(range[0]) ||
		    search.block[i].id > block_of(range[1]))
			block_search_drop(&search, i);
	good = good && block_search_values(&search, BLOCK_OUTCOMES, &set, search.fits, w->err);
	if (good && !(blocks = block_search_blocks(&search)))
		walk_no_memory(w);
	block_search_close(&search);
	id_set_free(&set);
	return blocks;
}

static bool find_scanners(struct diagnosis_walk *w, const int64_t range[2])
{
	sqlite3_stmt *row = walk_prepare(
		w, "SELECT initiator_id, responder_id, ports >> 16 FROM"
		   " (SELECT value AS block FROM json_each(?3)) CROSS JOIN connections AS c"
		   " ON c.id BETWEEN max(block * 256, ?1) AND min(block * 256 + 255, ?2)"
		   " WHERE c.outcome_id IN (" FAILED_OUTCOMES ")");
	char *blocks = failed_blocks(w, range);
	struct suspects s = {.suspect = calloc(SUSPECTS, sizeof(*s.suspect))};
	int step = SQLITE_ROW;
	bool good = row && blocks && (s.suspect || walk_no_memory(w));

	arc4random_buf(s.key, sizeof(s.key));
	if (row) {
		sqlite3_bind_int64(row, 1, range[0]);
		sqlite3_bind_int64(row, 2, range[1]);
		sqlite3_bind_text(row, 3, blocks, -1, SQLITE_STATIC);
	}
	while (good && (step = sqlite3_step(row)) == SQLITE_ROW)
		take_attempt(&s, row);
	if (good && step != SQLITE_DONE)
		good = walk_failed(w);
	good = good && keep_scanners(w, &s);
	free(s.suspect);
	sqlite3_finalize(row);
	sqlite3_free(blocks);
	return good;
}

/* Connections and settings of one recording; false in *any where it has none. */
static bool read_recording(struct diagnosis_walk *w, int64_t id, struct walk_recording *out,
			   bool *any)
{
	sqlite3_stmt *s = walk_prepare(
		w, "SELECT first_connection, last_connection, msl_ns, stuck_ns,"
		   " (SELECT max(last_ns) FROM captures WHERE recording_id = r.id)"
		   " FROM recordings AS r WHERE id = ?1");
	int step;

	*any = false;
	if (!s)
		return false;
	sqlite3_bind_int64(s, 1, id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL) {
		*any = true;
		out->range[0] = sqlite3_column_int64(s, 0);
		out->range[1] = sqlite3_column_int64(s, 1);
		out->msl_ns = sqlite3_column_int64(s, 2);
		if (sqlite3_column_int64(s, 3) > w->stuck_ns)
			w->stuck_ns = sqlite3_column_int64(s, 3);
		out->watched_until_ns = sqlite3_column_type(s, 4) == SQLITE_NULL
						? NONE_NS
						: sqlite3_column_int64(s, 4);
	}
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || walk_failed(w);
}

static bool keep_range(struct diagnosis_walk *w, const int64_t range[2])
{
	void *items = w->range;
	bool good = walk_grow(w, &items, w->range_count, &w->range_room, sizeof(*w->range));

	w->range = items;
	if (good) {
		w->range[w->range_count][0] = range[0];
		w->range[w->range_count++][1] = range[1];
	}
	return good;
}

bool walk_recordings(struct diagnosis_walk *w)
{
	for (size_t i = 0; i < w->recording_count; i++) {
		struct walk_recording recording;
		bool any;

		if (!read_recording(w, w->recordings[i], &recording, &any))
			return false;
		if (any && (!keep_range(w, recording.range) || !find_scanners(w, recording.range) ||
			    !walk_range(w, &recording)))
			return false;
	}
	return true;
}
