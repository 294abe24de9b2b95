#include "db/block_search.h"

#include <stdlib.h>
#include <string.h>

#include "db/block_lists.h"

/* ---- sets ---- */

enum { IDS_MIN = 1024, IDS_MAX = 1 << 28 };

bool id_set_add(struct id_set *set, int64_t id, struct error *err)
{
	int64_t wanted = set->size > 0 ? set->size : IDS_MIN;
	uint8_t *grown;

	if (id < 0 || id >= IDS_MAX || set->all) {
		set->all =
			true; /* no id of ours: rather look everywhere than take memory by its value */
		return true;
	}
	while (wanted <= id)
		wanted *= 2;
	if (wanted > set->size) {
		grown = realloc(set->bits, (size_t)wanted / 8);
		if (!grown)
			return error_set(err, "out of memory");
		memset(grown + set->size / 8, 0, (size_t)(wanted - set->size) / 8);
		set->bits = grown;
		set->size = wanted;
	}
	set->bits[id / 8] |= (uint8_t)(1U << id % 8);
	return true;
}

bool id_set_read(struct id_set *set, sqlite3_stmt *rows, struct error *err)
{
	bool good = true;
	int step = SQLITE_DONE;

	while (good && (step = sqlite3_step(rows)) == SQLITE_ROW)
		good = id_set_add(set, sqlite3_column_int64(rows, 0), err);
	if (good && step != SQLITE_DONE)
		good = error_set(err, "%s", sqlite3_errmsg(sqlite3_db_handle(rows)));
	sqlite3_finalize(rows);
	return good;
}

bool id_set_has(const struct id_set *set, int64_t id)
{
	return set->all || (id >= 0 && id < set->size && (set->bits[id / 8] >> id % 8 & 1));
}

void id_set_free(struct id_set *set)
{
	free(set->bits);
	*set = (struct id_set){0};
}

/* ---- blocks ---- */

static bool failed(const struct block_search *search, struct error *err)
{
	return error_set(err, "%s", sqlite3_errmsg(search->db));
}

static bool add_block(struct block_search *search, size_t *room, sqlite3_stmt *s, struct error *err)
{
	struct block_range *grown;

	if (search->count == *room) {
		*room = *room > 0 ? 2 * *room : 256;
		grown = realloc(search->block, *room * sizeof(*grown));
		if (!grown)
			return error_set(err, "out of memory");
		search->block = grown;
	}
	search->block[search->count++] = (struct block_range){
		.id = sqlite3_column_int64(s, 0),
		.first_ns = sqlite3_column_int64(s, 1),
		.first_max_ns = sqlite3_column_int64(s, 2),
		.duration_min_ns = sqlite3_column_int64(s, 3),
		.duration_max_ns = sqlite3_column_int64(s, 4)};
	return true;
}

bool block_search_open(struct block_search *search, sqlite3 *db, struct error *err)
{
	static const char sql[] = "SELECT id, first_ns, first_max_ns, duration_min_ns,"
				  " duration_max_ns FROM blocks ORDER BY id";
	sqlite3_stmt *s = NULL;
	size_t room = 0;
	bool good = true;
	int step = SQLITE_ERROR;

	*search = (struct block_search){.db = db};
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(search, err);
	while (good && (step = sqlite3_step(s)) == SQLITE_ROW)
		good = add_block(search, &room, s, err);
	if (good && step != SQLITE_DONE)
		good = failed(search, err);
	sqlite3_finalize(s);
	search->fits = malloc(search->count + 1);
	if (good && !search->fits)
		return error_set(err, "out of memory");
	if (good)
		memset(search->fits, true, search->count);
	return good;
}

void block_search_close(struct block_search *search)
{
	free(search->block);
	free(search->fits);
	*search = (struct block_search){0};
}

size_t block_search_fitting(const struct block_search *search)
{
	size_t count = 0;

	for (size_t i = 0; i < search->count; i++)
		count += search->fits[i];
	return count;
}

/* ---- lists ---- */

/* What a list of each block is looked at with; size 0: it says nothing. */
typedef bool list_look(void *context, size_t block, const void *list, size_t size);

/* Goes through the lists of one kind, of the blocks marked in fits. Where look says false, and where there is
 * no list, the mark is taken away. */
static bool each_list(const struct block_search *search, enum block_kind kind, bool *fits,
		      list_look *look, void *context, struct error *err)
{
	static const char sql[] = "SELECT block_id, list FROM block_values WHERE kind = ?1"
				  " ORDER BY block_id";
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;
	size_t at = 0;

	if (sqlite3_prepare_v2(search->db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(search, err);
	sqlite3_bind_int(s, 1, kind);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);

		for (; at < search->count && search->block[at].id < id; at++)
			fits[at] = false;
		if (at == search->count || search->block[at].id != id)
			continue;
		if (fits[at])
			fits[at] = look(context, at, sqlite3_column_blob(s, 1),
					(size_t)sqlite3_column_bytes(s, 1));
		at++;
	}
	for (; at < search->count; at++)
		fits[at] = false;
	sqlite3_finalize(s);
	return step == SQLITE_DONE || failed(search, err);
}

static bool names_one(void *context, size_t block, const void *list, size_t size)
{
	struct value_reader reader = value_reader_of(list, size);
	const struct id_set *set = context;

	(void)block;
	if (size == 0)
		return true;
	while (value_reader_next(&reader))
		if (id_set_has(set, reader.value))
			return true;
	return false;
}

bool block_search_values(const struct block_search *search, enum block_kind kind,
			 const struct id_set *set, bool *fits, struct error *err)
{
	struct id_set wanted = *set;

	if (set->size == 0 && !set->all) {
		memset(fits, false, search->count);
		return true;
	}
	return each_list(search, kind, fits, names_one, &wanted, err);
}

bool block_search_value(const struct block_search *search, enum block_kind kind, int64_t value,
			bool *fits, struct error *err)
{
	struct id_set set = {0};
	bool good = id_set_add(&set, value, err) &&
		    block_search_values(search, kind, &set, fits, err);

	id_set_free(&set);
	return good;
}

struct naming {
	struct id_set *set;
	struct error *err;
	bool good;
};

static bool add_named(void *context, size_t block, const void *list, size_t size)
{
	struct value_reader reader = value_reader_of(list, size);
	struct naming *n = context;

	(void)block;
	n->set->all |= size == 0;
	while (n->good && value_reader_next(&reader))
		n->good = id_set_add(n->set, reader.value, n->err);
	return true;
}

bool block_search_named(const struct block_search *search, enum block_kind kind, struct id_set *set,
			struct error *err)
{
	struct naming n = {.set = set, .err = err, .good = true};
	bool *fits = malloc(search->count + 1), good;

	if (!fits)
		return error_set(err, "out of memory");
	memset(fits, true, search->count);
	good = each_list(search, kind, fits, add_named, &n, err);
	free(fits);
	return good && n.good;
}

/* ---- the earliest ---- */

/* The earliest so far: a heap, the latest of them in front. */
struct earliest {
	const struct block_search *search;
	struct block_start *heap;
	size_t count, room;
	bool more; /* some were left out: none of them earlier than the latest one here */
};

static void sift_down(struct block_start *heap, size_t count, struct block_start value)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < count) {
		if (child + 1 < count && heap[child + 1].ms > heap[child].ms)
			child++;
		if (heap[child].ms <= value.ms)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = value;
}

static void sift_up(struct block_start *heap, size_t at, struct block_start value)
{
	while (at > 0 && heap[(at - 1) / 2].ms < value.ms) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = value;
}

static void note_start(struct earliest *e, struct block_start start)
{
	if (e->count < e->room) {
		sift_up(e->heap, e->count++, start);
		return;
	}
	e->more = true;
	if (start.ms < e->heap[0].ms)
		sift_down(e->heap, e->count, start);
}

static bool note_starts(void *context, size_t block, const void *list, size_t size)
{
	struct earliest *e = context;
	const struct block_range *b = &e->search->block[block];
	struct start_reader reader = start_reader_of(list, size);
	int64_t from = b->id * BLOCK_SIZE;

	if (e->count == e->room && block_ms(b->first_ns) >= e->heap[0].ms) {
		e->more = true;
		return true;
	}
	for (int64_t place = 0; size == 0 && place < BLOCK_SIZE; place++)
		note_start(e, (struct block_start){block_ms(b->first_ns), from + place});
	while (start_reader_next(&reader))
		note_start(e, (struct block_start){reader.ms, from + reader.place});
	return true;
}

bool block_search_earliest(const struct block_search *search, struct block_start *starts,
			   size_t room, size_t *count, bool *all, struct error *err)
{
	struct earliest e = {.search = search, .heap = starts, .room = room};
	bool *fits = malloc(search->count + 1);
	int64_t latest;
	bool good;

	*count = 0;
	if (!fits)
		return error_set(err, "out of memory");
	memcpy(fits, search->fits, search->count);
	good = each_list(search, BLOCK_STARTS, fits, note_starts, &e, err);
	free(fits);
	if (!good)
		return false;
	*all = !e.more;
	if (*all) {
		*count = e.count;
		return true;
	}
	/* others may begin in the same millisecond as the latest of these */
	latest = starts[0].ms;
	for (size_t i = 0; i < e.count; i++)
		if (starts[i].ms < latest)
			starts[(*count)++] = starts[i];
	return true;
}

/* ---- for SQL ---- */

static char *finish(sqlite3_str *json)
{
	sqlite3_str_appendall(json, "]");
	return sqlite3_str_finish(json);
}

char *block_search_blocks(const struct block_search *search)
{
	sqlite3_str *json = sqlite3_str_new(NULL);

	for (size_t i = 0; i < search->count; i++)
		if (search->fits[i])
			sqlite3_str_appendf(json, "%c%lld",
					    sqlite3_str_length(json) > 0 ? ',' : '[',
					    (long long)search->block[i].id);
	if (sqlite3_str_length(json) == 0)
		sqlite3_str_appendall(json, "[");
	return finish(json);
}

char *block_search_ids(const struct block_start *starts, size_t count)
{
	sqlite3_str *json = sqlite3_str_new(NULL);

	for (size_t i = 0; i < count; i++)
		sqlite3_str_appendf(json, "%c%lld", i > 0 ? ',' : '[', (long long)starts[i].id);
	if (count == 0)
		sqlite3_str_appendall(json, "[");
	return finish(json);
}
