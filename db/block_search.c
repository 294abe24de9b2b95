#include "db/block_search.h"

#include <stdlib.h>
#include <string.h>

#include "db/block_column.h"
#include "db/sql_error.h"

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
		good = sql_error(sqlite3_db_handle(rows), err);
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
	return sql_error(search->db, err);
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
		.duration_max_ns = sqlite3_column_int64(s, 4),
		.places = block_places(s, 5)};
	return true;
}

bool block_search_open(struct block_search *search, sqlite3 *db, struct error *err)
{
	static const char sql[] = "SELECT id, first_ns, first_max_ns, duration_min_ns,"
				  " duration_max_ns, places FROM blocks ORDER BY id";
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
	search->fits = good ? calloc(search->count + 1, sizeof(*search->fits)) : NULL;
	if (good && !search->fits)
		return error_set(err, "out of memory");
	for (size_t i = 0; good && i < search->count; i++)
		search->fits[i] = search->block[i].places;
	return good;
}

void block_search_close(struct block_search *search)
{
	free(search->block);
	free(search->fits);
	*search = (struct block_search){0};
}

void block_search_drop(struct block_search *search, size_t block)
{
	search->fits[block] = (struct place_set){{0}};
}

static size_t fitting(const struct place_set *fits)
{
	size_t count = 0;

	for (size_t i = 0; i < BLOCK_SIZE / 64; i++)
		count += (size_t)__builtin_popcountll(fits->word[i]);
	return count;
}

size_t block_search_fitting(const struct block_search *search, size_t *blocks)
{
	size_t count = 0;

	*blocks = 0;
	for (size_t i = 0; i < search->count; i++) {
		size_t here = fitting(&search->fits[i]);

		count += here;
		*blocks += here > 0;
	}
	return count;
}

size_t block_search_all(const struct block_search *search)
{
	size_t count = 0;

	for (size_t i = 0; i < search->count; i++)
		count += fitting(&search->block[i].places);
	return count;
}

struct place_set *block_search_copy(const struct block_search *search, struct error *err)
{
	struct place_set *copy = malloc((search->count + 1) * sizeof(*copy));

	if (copy)
		memcpy(copy, search->fits, search->count * sizeof(*copy));
	else
		error_set(err, "out of memory");
	return copy;
}

/* ---- columns ---- */

/* What a block's column is looked at with. */
typedef void column_look(void *context, size_t block, struct column_reader column);

/* Goes through the columns of one kind. A block without one has nothing but 0 there: it is passed over, and
 * in fits, where that is not NULL, none of its connections stays. */
static bool each_column(const struct block_search *search, enum block_kind kind,
			struct place_set *fits, column_look *look, void *context, struct error *err)
{
	static const char sql[] = "SELECT block_id, list FROM block_values WHERE kind = ?1"
				  " ORDER BY block_id";
	static const struct place_set none;
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;
	size_t at = 0;

	if (sqlite3_prepare_v2(search->db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(search, err);
	sqlite3_bind_int(s, 1, kind);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);

		for (; at < search->count && search->block[at].id < id; at++)
			if (fits)
				fits[at] = none;
		if (at == search->count || search->block[at].id != id)
			continue;
		if (!fits || fitting(&fits[at]) > 0)
			look(context, at,
			     column_reader_of(sqlite3_column_blob(s, 1),
					      (size_t)sqlite3_column_bytes(s, 1)));
		at++;
	}
	for (; at < search->count; at++)
		if (fits)
			fits[at] = none;
	sqlite3_finalize(s);
	return step == SQLITE_DONE || failed(search, err);
}

struct choice {
	const struct block_search *search;
	const struct id_set *set;
	struct place_set *fits;
};

static void choose(void *context, size_t block, struct column_reader column)
{
	const struct choice *c = context;
	const struct place_set *places = &c->search->block[block].places;
	int64_t before = -1;
	bool wanted = id_set_has(c->set, before);

	for (size_t place = 0; place < BLOCK_SIZE; place++) {
		if (!place_has(places, place))
			continue;
		if (!column_reader_next(&column))
			return; /* damaged */
		if (column.value != before) {
			before = column.value;
			wanted = id_set_has(c->set, before);
		}
		if (!wanted)
			place_take(&c->fits[block], place);
	}
}

bool block_search_values(const struct block_search *search, enum block_kind kind,
			 const struct id_set *set, struct place_set *fits, struct error *err)
{
	struct choice choice = {.search = search, .set = set, .fits = fits};

	if (set->size == 0 && !set->all) {
		memset(fits, 0, search->count * sizeof(*fits));
		return true;
	}
	return each_column(search, kind, fits, choose, &choice, err);
}

bool block_search_value(const struct block_search *search, enum block_kind kind, int64_t value,
			struct place_set *fits, struct error *err)
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

static void add_named(void *context, size_t block, struct column_reader column)
{
	struct naming *n = context;

	(void)block;
	while (n->good && column_reader_next(&column)) {
		n->good = id_set_add(n->set, column.value, n->err);
		column.repeats = 0;
	}
}

bool block_search_named(const struct block_search *search, enum block_kind kind, struct id_set *set,
			struct error *err)
{
	struct naming n = {.set = set, .err = err, .good = true};

	return each_column(search, kind, NULL, add_named, &n, err) && n.good;
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

static void note_starts(void *context, size_t block, struct column_reader column)
{
	struct earliest *e = context;
	const struct block_range *b = &e->search->block[block];
	const struct place_set *fits = &e->search->fits[block];

	if (e->count == e->room && block_ms(b->first_ns) >= e->heap[0].ms) {
		e->more = true;
		return;
	}
	for (size_t place = 0; place < BLOCK_SIZE; place++) {
		if (!place_has(&b->places, place))
			continue;
		if (!column_reader_next(&column))
			return; /* damaged */
		if (place_has(fits, place))
			note_start(e, (struct block_start){column.value,
							   block_connection(b->id, place)});
	}
}

bool block_search_earliest(const struct block_search *search, struct block_start *starts,
			   size_t room, size_t *count, bool *all, struct error *err)
{
	struct earliest e = {.search = search, .heap = starts, .room = room};
	struct place_set *fits = block_search_copy(search, err);
	int64_t latest;
	bool good = fits && each_column(search, BLOCK_STARTS, fits, note_starts, &e, err);

	free(fits);
	*count = 0;
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
		if (fitting(&search->fits[i]) > 0)
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
