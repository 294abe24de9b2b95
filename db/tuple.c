#include "db/tuple.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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

static void bind_end(sqlite3_stmt *s, int first, const struct tuple_end *end)
{
	sqlite3_bind_blob(s, first, end->address.low, ADDRESS_KEY_SIZE, SQLITE_STATIC);
	sqlite3_bind_int(s, first + 1, end->address.version);
	sqlite3_bind_int(s, first + 2, end->port);
}

bool tuple_find(struct store *store, const struct tuple *tuple, int64_t **ids, size_t *count,
		struct error *err)
{
	static const char sql[] =
		"WITH one AS (SELECT id FROM hosts WHERE key = ?1 AND version = ?2),"
		" other AS (SELECT id FROM hosts WHERE key = ?4 AND version = ?5)"
		" SELECT id, first_ns FROM connections WHERE initiator_id IN one"
		" AND initiator_port = ?3 AND responder_id IN other AND responder_port = ?6"
		" UNION SELECT id, first_ns FROM connections WHERE initiator_id IN other"
		" AND initiator_port = ?6 AND responder_id IN one AND responder_port = ?3"
		" ORDER BY first_ns, id";
	sqlite3 *db = store_handle(store);
	sqlite3_stmt *s;
	int step;
	bool good = true;

	*ids = NULL;
	*count = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	bind_end(s, 1, &tuple->end[0]);
	bind_end(s, 4, &tuple->end[1]);
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
		good = error_set(err, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(s);
	if (!good) {
		free(*ids);
		*ids = NULL;
		*count = 0;
	}
	return good;
}

bool tuple_next(struct store *store, int64_t id, int64_t *next, struct error *err)
{
	static const char sql[] =
		"SELECT n.id FROM connections AS c JOIN captures AS p ON p.id = c.capture_id"
		" JOIN connections AS n ON n.id <> c.id AND ("
		"(n.initiator_id = c.initiator_id AND n.initiator_port = c.initiator_port"
		" AND n.responder_id = c.responder_id AND n.responder_port = c.responder_port) OR "
		"(n.initiator_id = c.responder_id AND n.initiator_port = c.responder_port"
		" AND n.responder_id = c.initiator_id AND n.responder_port = c.initiator_port))"
		" JOIN captures AS q ON q.id = n.capture_id AND q.recording_id = p.recording_id"
		" WHERE c.id = ?1 AND n.path_id IS c.path_id AND (q.position, n.first_packet) >"
		" (p.position, c.first_packet) ORDER BY q.position, n.first_packet LIMIT 1";
	sqlite3 *db = store_handle(store);
	sqlite3_stmt *s;
	int step;

	*next = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	sqlite3_bind_int64(s, 1, id);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		*next = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE ||
	       error_set(err, "%s", sqlite3_errmsg(db));
}
