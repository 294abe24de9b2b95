/* Dictionaries of the database. */
#include "db/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/zeek.h"
#include "db/address.h"
#include "db/id_cache.h"
#include "db/path.h"
#include "db/sql_error.h"
#include "db/text_cache.h"

enum { HOST_WORDS = 3, OUTCOME_WORDS = 1, HISTORY_WORDS = 8 };
enum { PATH_WORDS = 3 + (sizeof(struct tunnel) + 7) / 8 };
enum { HOST_SETS = 16384, PATH_SETS = 256, OUTCOME_SETS = 256, HISTORY_SETS = 1024 };
enum { APPLICATION_PLACES = 2048, DETAIL_PLACES = 256 };
enum { PATH_KEY_MAX = 2 * VLANS_TEXT_MAX + TUNNEL_TEXT_MAX + 16 };

static const char *const find_sql[DICTIONARIES] = {
	[DICTIONARY_HOSTS] = "SELECT id FROM hosts WHERE key = ?1 AND version = ?2",
	[DICTIONARY_PATHS] = "SELECT id FROM paths WHERE key = ?1",
	[DICTIONARY_OUTCOMES] = "SELECT id FROM outcomes WHERE key = ?1",
	[DICTIONARY_APPLICATIONS] =
		("SELECT id FROM applications"
		 " WHERE name = ?1 AND category IS ?2 AND guessed = ?3 AND server_name IS ?4"),
	[DICTIONARY_DETAILS] = "SELECT id FROM finding_details WHERE text = ?1",
	[DICTIONARY_HISTORIES] = "SELECT id FROM histories WHERE text = ?1",
};

static const char *const insert_sql[DICTIONARIES] = {
	[DICTIONARY_HOSTS] = "INSERT INTO hosts(key, version, address) VALUES(?1, ?2, ?3)",
	[DICTIONARY_PATHS] =
		"INSERT INTO paths(key, vlan, vlans_initiator, vlans_responder, tunnel)"
		" VALUES(?1, ?2, ?3, ?4, ?5)",
	[DICTIONARY_OUTCOMES] =
		"INSERT INTO outcomes(key, teardown, complete, closer, end_reason, clean, "
		"midstream,"
		" fin_check_initiator, fin_check_responder, time_wait_holder, time_wait_check,"
		" reuse_by, reuse_rule, reuse_answer, rst_by, rst_stage, rst_cause, rst_injected,"
		" conn_state, seen_initiator, seen_responder, isn_known_initiator,"
		" isn_known_responder, timeline, rst_form, open_stage)"
		" VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[DICTIONARY_APPLICATIONS] = "INSERT INTO applications(name, category, guessed, server_name)"
				    " VALUES(?1, ?2, ?3, ?4)",
	[DICTIONARY_DETAILS] = "INSERT INTO finding_details(text) VALUES(?1)",
	[DICTIONARY_HISTORIES] = "INSERT INTO histories(text) VALUES(?1)",
};

static const char *const empty_sql[DICTIONARIES] = {
	[DICTIONARY_HOSTS] = "SELECT NOT EXISTS(SELECT 1 FROM hosts)",
	[DICTIONARY_PATHS] = "SELECT NOT EXISTS(SELECT 1 FROM paths)",
	[DICTIONARY_OUTCOMES] = "SELECT NOT EXISTS(SELECT 1 FROM outcomes)",
	[DICTIONARY_APPLICATIONS] = "SELECT NOT EXISTS(SELECT 1 FROM applications)",
	[DICTIONARY_DETAILS] = "SELECT NOT EXISTS(SELECT 1 FROM finding_details)",
	[DICTIONARY_HISTORIES] = "SELECT NOT EXISTS(SELECT 1 FROM histories)",
};

struct dictionaries {
	sqlite3 *db;
	struct id_cache cache[DICTIONARIES]; /* but for those of the next two */
	struct text_cache applications, details;
	sqlite3_stmt *find[DICTIONARIES], *insert[DICTIONARIES], *empty[DICTIONARIES];
};

struct dictionaries *dictionaries_new(sqlite3 *db, struct error *err)
{
	struct dictionaries *d = calloc(1, sizeof(*d));

	if (!d || !id_cache_init(&d->cache[DICTIONARY_HOSTS], HOST_WORDS, HOST_SETS) ||
	    !id_cache_init(&d->cache[DICTIONARY_PATHS], PATH_WORDS, PATH_SETS) ||
	    !id_cache_init(&d->cache[DICTIONARY_OUTCOMES], OUTCOME_WORDS, OUTCOME_SETS) ||
	    !id_cache_init(&d->cache[DICTIONARY_HISTORIES], HISTORY_WORDS, HISTORY_SETS) ||
	    !text_cache_init(&d->applications, APPLICATION_PLACES) ||
	    !text_cache_init(&d->details, DETAIL_PLACES)) {
		error_set(err, "out of memory");
		dictionaries_free(d);
		return NULL;
	}
	d->db = db;
	return d;
}

void dictionaries_free(struct dictionaries *d)
{
	if (!d)
		return;
	for (int i = 0; i < DICTIONARIES; i++) {
		id_cache_free(&d->cache[i]);
		sqlite3_finalize(d->find[i]);
		sqlite3_finalize(d->insert[i]);
		sqlite3_finalize(d->empty[i]);
	}
	text_cache_free(&d->applications);
	text_cache_free(&d->details);
	free(d);
}

static bool prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement, struct error *err)
{
	if (!*statement && sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement,
					      NULL) != SQLITE_OK)
		return sql_error(db, err);
	return true;
}

bool dictionaries_begin(struct dictionaries *d, struct error *err)
{
	for (int i = 0; i < DICTIONARIES; i++) {
		bool empty;

		if (!prepare(d->db, find_sql[i], &d->find[i], err) ||
		    !prepare(d->db, insert_sql[i], &d->insert[i], err) ||
		    !prepare(d->db, empty_sql[i], &d->empty[i], err))
			return false;
		if (sqlite3_step(d->empty[i]) != SQLITE_ROW)
			return sql_error(d->db, err);
		empty = sqlite3_column_int(d->empty[i], 0) != 0;
		sqlite3_reset(d->empty[i]);
		id_cache_clear(&d->cache[i], empty);
	}
	text_cache_clear(&d->applications);
	text_cache_clear(&d->details);
	return true;
}

/* The value bound to find's parameters, looked up; *id is 0 where the table does not have it. */
static bool find_id(struct dictionaries *d, enum dictionary_kind kind, int64_t *id,
		    struct error *err)
{
	sqlite3_stmt *find = d->find[kind];
	int step = sqlite3_step(find);

	*id = step == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
	sqlite3_reset(find);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return sql_error(d->db, err);
	return true;
}

static bool insert_id(struct dictionaries *d, enum dictionary_kind kind, int64_t *id,
		      struct error *err)
{
	sqlite3_stmt *insert = d->insert[kind];
	int step = sqlite3_step(insert);

	sqlite3_reset(insert);
	if (step != SQLITE_DONE)
		return sql_error(d->db, err);
	*id = sqlite3_last_insert_rowid(d->db);
	return true;
}

static void bind_name(sqlite3_stmt *s, int column, const char *name)
{
	if (name && name[0] != '\0')
		sqlite3_bind_text(s, column, name, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(s, column);
}

bool dictionary_host(struct dictionaries *d, const struct ip_address *address, uint8_t version,
		     int64_t *id, struct error *err)
{
	struct id_cache *cache = &d->cache[DICTIONARY_HOSTS];
	sqlite3_stmt *find = d->find[DICTIONARY_HOSTS], *insert = d->insert[DICTIONARY_HOSTS];
	uint64_t key[HOST_WORDS] = {0, 0, version};
	uint8_t bytes[ADDRESS_KEY_SIZE];
	char text[ADDRESS_TEXT_MAX];

	address_key(address, version, bytes);
	memcpy(key, bytes, sizeof(bytes));
	*id = id_cache_get(cache, key);
	if (*id != 0)
		return true;
	if (!cache->complete) {
		sqlite3_bind_blob(find, 1, bytes, sizeof(bytes), SQLITE_STATIC);
		sqlite3_bind_int(find, 2, version);
		if (!find_id(d, DICTIONARY_HOSTS, id, err))
			return false;
	}
	if (*id == 0) {
		address_text(address, version, text);
		sqlite3_bind_blob(insert, 1, bytes, sizeof(bytes), SQLITE_STATIC);
		sqlite3_bind_int(insert, 2, version);
		sqlite3_bind_text(insert, 3, text, -1, SQLITE_STATIC);
		if (!insert_id(d, DICTIONARY_HOSTS, id, err))
			return false;
	}
	id_cache_put(cache, key, *id);
	return true;
}

static bool path_of(struct dictionaries *d, const struct verdict *v, int64_t *id, struct error *err)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];
	struct id_cache *cache = &d->cache[DICTIONARY_PATHS];
	sqlite3_stmt *find = d->find[DICTIONARY_PATHS], *insert = d->insert[DICTIONARY_PATHS];
	unsigned vlan = vlan_outer(i->seen ? i->vlan_tags : r->vlan_tags);
	uint64_t key[PATH_WORDS] = {i->vlan_tags, r->vlan_tags, vlan};
	char vlans_i[VLANS_TEXT_MAX], vlans_r[VLANS_TEXT_MAX], tunnel[TUNNEL_TEXT_MAX];
	char text[PATH_KEY_MAX];

	memcpy(key + 3, &v->tunnel, sizeof(v->tunnel));
	*id = id_cache_get(cache, key);
	if (*id != 0)
		return true;

	vlans_text(i->vlan_tags, vlans_i);
	vlans_text(r->vlan_tags, vlans_r);
	tunnel_text(&v->tunnel, tunnel);
	sqlite3_snprintf(sizeof(text), text, "%u|%s|%s|%s", vlan, vlans_i, vlans_r, tunnel);
	sqlite3_bind_text(find, 1, text, -1, SQLITE_STATIC);
	if (!find_id(d, DICTIONARY_PATHS, id, err))
		return false;
	if (*id == 0) {
		bind_name(insert, 1, text);
		if (vlan != 0)
			sqlite3_bind_int(insert, 2, (int)vlan);
		else
			sqlite3_bind_null(insert, 2);
		bind_name(insert, 3, vlans_i);
		bind_name(insert, 4, vlans_r);
		bind_name(insert, 5, tunnel);
		if (!insert_id(d, DICTIONARY_PATHS, id, err))
			return false;
	}
	id_cache_put(cache, key, *id);
	return true;
}

bool dictionary_path(struct dictionaries *d, const struct verdict *v, int64_t *id,
		     struct error *err)
{
	*id = 0;
	if (v->dir[SIDE_INITIATOR].vlan_tags == 0 && v->dir[SIDE_RESPONDER].vlan_tags == 0 &&
	    v->tunnel.depth == 0)
		return true;
	return path_of(d, v, id, err);
}

struct bits {
	uint64_t word;
	unsigned used;
};

static inline void append_bits(struct bits *b, unsigned value, unsigned width)
{
	b->word |= (uint64_t)(value & ((1U << width) - 1)) << b->used;
	b->used += width;
}

/* The outcome as one number: the enumerations of verdict.h side by side. The widths are part of the
 * database format. No loop over a table: the compiler then knows where each of them belongs. */
static uint64_t outcome_key(const struct verdict *v, enum timeline_kind timeline)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];
	struct bits b = {0, 0};

	append_bits(&b, v->teardown, 4);
	append_bits(&b, v->complete, 1);
	append_bits(&b, v->closer, 2);
	append_bits(&b, v->end_reason, 3);
	append_bits(&b, v->clean, 1);
	append_bits(&b, v->midstream, 1);
	append_bits(&b, i->fin_check, 2);
	append_bits(&b, r->fin_check, 2);
	append_bits(&b, v->time_wait_holder, 2);
	append_bits(&b, v->time_wait_check, 3);
	append_bits(&b, v->reuse_by, 2);
	append_bits(&b, v->reuse_rule, 3);
	append_bits(&b, v->reuse_answer, 3);
	append_bits(&b, v->rst_by, 2);
	append_bits(&b, v->rst_stage, 4);
	append_bits(&b, v->rst_cause, 4);
	append_bits(&b, v->rst_injected, 1);
	append_bits(&b, v->conn_state, 4);
	append_bits(&b, i->seen, 1);
	append_bits(&b, r->seen, 1);
	append_bits(&b, i->isn_known, 1);
	append_bits(&b, r->isn_known, 1);
	append_bits(&b, timeline, 1);
	append_bits(&b, v->rst_form, 2);
	append_bits(&b, v->open_stage, 4);
	return b.word;
}

static void bind_outcome(sqlite3_stmt *s, const struct verdict *v, enum timeline_kind timeline)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];

	bind_name(s, 2, teardown_name(v->teardown));
	sqlite3_bind_int(s, 3, v->complete);
	bind_name(s, 4, side_name(v->closer));
	bind_name(s, 5, end_reason_name(v->end_reason));
	sqlite3_bind_int(s, 6, v->clean);
	sqlite3_bind_int(s, 7, v->midstream);
	bind_name(s, 8, fin_check_name(i->fin_check));
	bind_name(s, 9, fin_check_name(r->fin_check));
	bind_name(s, 10, side_name(v->time_wait_holder));
	bind_name(s, 11, time_wait_check_name(v->time_wait_check));
	bind_name(s, 12, reuse_by_name(v->reuse_by));
	bind_name(s, 13, reuse_rule_name(v->reuse_rule));
	bind_name(s, 14, reuse_answer_name(v->reuse_answer));
	bind_name(s, 15, v->rst_by == SIDE_NONE ? NULL : side_name(v->rst_by));
	bind_name(s, 16, rst_stage_name(v->rst_stage));
	bind_name(s, 17, rst_cause_name(v->rst_cause));
	sqlite3_bind_int(s, 18, v->rst_injected);
	bind_name(s, 19, conn_state_name(v->conn_state));
	sqlite3_bind_int(s, 20, i->seen);
	sqlite3_bind_int(s, 21, r->seen);
	sqlite3_bind_int(s, 22, i->isn_known);
	sqlite3_bind_int(s, 23, r->isn_known);
	sqlite3_bind_int(s, 24, timeline);
	bind_name(s, 25, rst_form_name(v->rst_form));
	bind_name(s, 26, rst_stage_name(v->open_stage));
}

bool dictionary_outcome(struct dictionaries *d, const struct verdict *v,
			enum timeline_kind timeline, int64_t *id, struct error *err)
{
	struct id_cache *cache = &d->cache[DICTIONARY_OUTCOMES];
	uint64_t key = outcome_key(v, timeline);

	*id = id_cache_get(cache, &key);
	if (*id != 0)
		return true;
	if (!cache->complete) {
		sqlite3_bind_int64(d->find[DICTIONARY_OUTCOMES], 1, (int64_t)key);
		if (!find_id(d, DICTIONARY_OUTCOMES, id, err))
			return false;
	}
	if (*id == 0) {
		sqlite3_bind_int64(d->insert[DICTIONARY_OUTCOMES], 1, (int64_t)key);
		bind_outcome(d->insert[DICTIONARY_OUTCOMES], v, timeline);
		if (!insert_id(d, DICTIONARY_OUTCOMES, id, err))
			return false;
	}
	id_cache_put(cache, &key, *id);
	return true;
}

/* The texts one behind the other, and how many bytes that is; 0: they are too long to be kept. */
static size_t application_key(const struct application *a, char key[TEXT_CACHE_MAX])
{
	const char *const texts[] = {a->name, a->category, a->server_name};
	char *at = key, *const end = key + TEXT_CACHE_MAX;

	*at++ = (char)a->guessed;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		at = memccpy(at, texts[i] ? texts[i] : "", '\0', (size_t)(end - at));
		if (!at)
			return 0;
	}
	return (size_t)(at - key);
}

static void bind_application(sqlite3_stmt *s, const struct application *a)
{
	bind_name(s, 1, a->name);
	bind_name(s, 2, a->category);
	sqlite3_bind_int(s, 3, a->guessed);
	bind_name(s, 4, a->server_name);
}

bool dictionary_application(struct dictionaries *d, const struct application *a, int64_t *id,
			    struct error *err)
{
	char key[TEXT_CACHE_MAX];
	size_t size;

	*id = 0;
	if (!a || !a->name)
		return true;
	size = application_key(a, key);
	*id = size > 0 ? text_cache_get(&d->applications, key, size) : 0;
	if (*id != 0)
		return true;
	bind_application(d->find[DICTIONARY_APPLICATIONS], a);
	if (!find_id(d, DICTIONARY_APPLICATIONS, id, err))
		return false;
	if (*id == 0) {
		bind_application(d->insert[DICTIONARY_APPLICATIONS], a);
		if (!insert_id(d, DICTIONARY_APPLICATIONS, id, err))
			return false;
	}
	if (size > 0)
		text_cache_put(&d->applications, key, size, *id);
	return true;
}

bool dictionary_detail(struct dictionaries *d, const char *detail, int64_t *id, struct error *err)
{
	size_t length = strlen(detail);

	*id = text_cache_get(&d->details, detail, length);
	if (*id != 0)
		return true;
	sqlite3_bind_text(d->find[DICTIONARY_DETAILS], 1, detail, (int)length, SQLITE_STATIC);
	if (!find_id(d, DICTIONARY_DETAILS, id, err))
		return false;
	if (*id == 0) {
		sqlite3_bind_text(d->insert[DICTIONARY_DETAILS], 1, detail, (int)length,
				  SQLITE_STATIC);
		if (!insert_id(d, DICTIONARY_DETAILS, id, err))
			return false;
	}
	text_cache_put(&d->details, detail, length, *id);
	return true;
}

/* The letters themselves are the key, filled up with zeros. */
bool dictionary_history(struct dictionaries *d, const char *history, int64_t *id, struct error *err)
{
	struct id_cache *cache = &d->cache[DICTIONARY_HISTORIES];
	sqlite3_stmt *find = d->find[DICTIONARY_HISTORIES];
	sqlite3_stmt *insert = d->insert[DICTIONARY_HISTORIES];
	uint64_t key[HISTORY_WORDS] = {0};
	int length = history ? (int)strnlen(history, sizeof(key)) : 0;

	_Static_assert(sizeof(key) == ZEEK_HISTORY_MAX, "a history fits");
	memcpy(key, length > 0 ? history : "", (size_t)length);
	*id = id_cache_get(cache, key);
	if (*id != 0)
		return true;
	if (!cache->complete) {
		sqlite3_bind_text(find, 1, (const char *)key, length, SQLITE_STATIC);
		if (!find_id(d, DICTIONARY_HISTORIES, id, err))
			return false;
	}
	if (*id == 0) {
		sqlite3_bind_text(insert, 1, (const char *)key, length, SQLITE_STATIC);
		if (!insert_id(d, DICTIONARY_HISTORIES, id, err))
			return false;
	}
	id_cache_put(cache, key, *id);
	return true;
}
