#include "db/tuple.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "db/block_search.h"
#include "db/sql_error.h"

enum { END_SIZE = 128 };

static bool port_parse(const char *text, uint16_t *port)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)*text))
		return false;
	value = strtol(text, &end, 10);
	if (*end || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool end_parse(const char *text, size_t length, struct tuple_end *end)
{
	char copy[END_SIZE], *address = copy, *colon;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	colon = strrchr(copy, ':');
	if (!colon || !port_parse(colon + 1, &end->port))
		return false;
	*colon = '\0';
	if (*address == '[') {
		if (colon == copy || colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		address++;
	} else if (strchr(address, ':')) {
		return false;
	}
	return !strchr(address, '/') && address_range_parse(address, &end->address);
}

bool tuple_parse(const char *text, struct tuple *tuple, struct error *err)
{
	const char *dash = strchr(text, '-');

	if (dash && end_parse(text, (size_t)(dash - text), &tuple->end[0]) &&
	    end_parse(dash + 1, strlen(dash + 1), &tuple->end[1]))
		return true;
	return error_set(err,
			 "'%s' names no connection; one is an id like 7, or "
			 "192.0.2.1:40000-192.0.2.2:80, or [2001:db8::1]:40000-[2001:db8::2]:80",
			 text);
}

/* The blocks that can hold a connection between the two, whoever began it: a JSON array from sqlite3_malloc.
 * Hosts are ids here; 0: there is no such host. */
static bool find_blocks(sqlite3 *db, const int64_t host[2], const uint16_t port[2], char **blocks,
			struct error *err)
{
	struct block_search search;
	bool good = block_search_open(&search, db, err);
	struct place_set *swapped = good ? block_search_copy(&search, err) : NULL;

	*blocks = NULL;
	good = swapped != NULL;
	for (int way = 0; good && way < 2; way++) {
		struct place_set *fits = way == 0 ? search.fits : swapped;

		good = block_search_value(&search, BLOCK_INITIATORS, host[way], fits, err) &&
		       block_search_value(&search, BLOCK_RESPONDERS, host[!way], fits, err) &&
		       block_search_value(&search, BLOCK_INITIATOR_PORTS, port[way], fits, err) &&
		       block_search_value(&search, BLOCK_RESPONDER_PORTS, port[!way], fits, err);
	}
	for (size_t i = 0; good && i < search.count; i++)
		for (size_t word = 0; word < BLOCK_SIZE / 64; word++)
			search.fits[i].word[word] |= swapped[i].word[word];
	if (good && !(*blocks = block_search_blocks(&search)))
		good = error_set(err, "out of memory");
	free(swapped);
	block_search_close(&search);
	return good;
}

static bool find_host(sqlite3 *db, const struct tuple_end *end, int64_t *id, struct error *err)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	*id = 0;
	if (sqlite3_prepare_v2(db, "SELECT id FROM hosts WHERE key = ?1 AND version = ?2", -1, &s,
			       NULL) == SQLITE_OK) {
		sqlite3_bind_blob(s, 1, end->address.low, ADDRESS_KEY_SIZE, SQLITE_STATIC);
		sqlite3_bind_int(s, 2, end->address.version);
		step = sqlite3_step(s);
	}
	if (step == SQLITE_ROW)
		*id = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || sql_error(db, err);
}

/* Rows of connections in the blocks ?1 between host ?2, port ?3, and host ?4, port ?5. */
#define BETWEEN_ENDS                                                                      \
	" FROM (SELECT value AS block FROM json_each(?1)) CROSS JOIN connections AS n"    \
	" ON n.id BETWEEN block * 256 AND block * 256 + 255"                              \
	" WHERE ((n.initiator_id = ?2 AND n.responder_id = ?4"                            \
	" AND n.ports = (?5 << 16 | ?3)) OR (n.initiator_id = ?4 AND n.responder_id = ?2" \
	" AND n.ports = (?3 << 16 | ?5)))"
_Static_assert(BLOCK_SIZE == 256, "the statement knows it");

static sqlite3_stmt *prepare_between(sqlite3 *db, const char *sql, const int64_t host[2],
				     const uint16_t port[2], struct error *err)
{
	sqlite3_stmt *s = NULL;
	char *blocks;

	if (!find_blocks(db, host, port, &blocks, err))
		return NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		sql_error(db, err);
		sqlite3_free(blocks);
		return NULL;
	}
	sqlite3_bind_text(s, 1, blocks, -1, sqlite3_free);
	for (int end = 0; end < 2; end++) {
		sqlite3_bind_int64(s, 2 + 2 * end, host[end]);
		sqlite3_bind_int(s, 3 + 2 * end, port[end]);
	}
	return s;
}

static bool find_ids(struct store *store, const struct tuple *tuple, int64_t **ids, size_t *count,
		     struct error *err)
{
	static const char sql[] = "SELECT n.id" BETWEEN_ENDS " ORDER BY n.first_ns, n.id";
	const uint16_t port[2] = {tuple->end[0].port, tuple->end[1].port};
	sqlite3 *db = store_handle(store);
	int64_t host[2];
	sqlite3_stmt *s;
	int step;
	bool good = true;

	if (!find_host(db, &tuple->end[0], &host[0], err) ||
	    !find_host(db, &tuple->end[1], &host[1], err))
		return false;
	s = prepare_between(db, sql, host, port, err);
	if (!s)
		return false;
	while (good && (step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t *bigger = realloc(*ids, (*count + 1) * sizeof(**ids));

		if (!bigger) {
			good = error_set(err, "out of memory");
			break;
		}
		*ids = bigger;
		(*ids)[(*count)++] = sqlite3_column_int64(s, 0);
	}
	if (good && step != SQLITE_DONE)
		good = sql_error(db, err);
	sqlite3_finalize(s);
	if (!good) {
		free(*ids);
		*ids = NULL;
		*count = 0;
	}
	return good;
}

/* Blocks and the rows they tell of are read at one moment. */
bool tuple_find(struct store *store, const struct tuple *tuple, int64_t **ids, size_t *count,
		struct error *err)
{
	bool held, good = store_hold(store, &held, err);

	*ids = NULL;
	*count = 0;
	good = good && find_ids(store, tuple, ids, count, err);
	store_release(store, held);
	return good;
}

/* The ends of a connection; *there: it is in the database. */
static bool ends_of(sqlite3 *db, int64_t id, int64_t host[2], uint16_t port[2], bool *there,
		    struct error *err)
{
	static const char sql[] = "SELECT initiator_id, ports & 65535, responder_id,"
				  " ports >> 16 FROM connections WHERE id = ?1";
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK) {
		sqlite3_bind_int64(s, 1, id);
		step = sqlite3_step(s);
	}
	*there = step == SQLITE_ROW;
	for (int end = 0; *there && end < 2; end++) {
		host[end] = sqlite3_column_int64(s, 2 * end);
		port[end] = (uint16_t)sqlite3_column_int(s, 2 * end + 1);
	}
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || sql_error(db, err);
}

static bool find_next(struct store *store, int64_t id, int64_t *next, struct error *err)
{
	static const char sql[] =
		"WITH c AS (SELECT c.path_id, c.first_packet, p.recording_id, p.position"
		" FROM connections AS c JOIN captures AS p ON p.id = c.capture_id WHERE c.id = ?6)"
		" SELECT n.id FROM (SELECT n.id, n.path_id, n.capture_id,"
		" n.first_packet" BETWEEN_ENDS " AND n.id <> ?6) AS n"
		" JOIN captures AS q ON q.id = n.capture_id JOIN c ON q.recording_id ="
		" c.recording_id WHERE n.path_id IS c.path_id AND (q.position, n.first_packet) >"
		" (c.position, c.first_packet) ORDER BY q.position, n.first_packet LIMIT 1";
	sqlite3 *db = store_handle(store);
	int64_t host[2];
	uint16_t port[2];
	sqlite3_stmt *s;
	bool there;
	int step;

	*next = 0;
	if (!ends_of(db, id, host, port, &there, err))
		return false;
	if (!there)
		return true;
	s = prepare_between(db, sql, host, port, err);
	if (!s)
		return false;
	sqlite3_bind_int64(s, 6, id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		*next = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || sql_error(db, err);
}

bool tuple_next(struct store *store, int64_t id, int64_t *next, struct error *err)
{
	bool held, good = store_hold(store, &held, err);

	good = good && find_next(store, id, next, err);
	store_release(store, held);
	return good;
}
