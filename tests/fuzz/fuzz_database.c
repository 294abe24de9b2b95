/* Databases that somebody has tampered with: opened, reported on, queried, drawn, written to.
 *
 * The string is a whole file where it begins as one does; else what is done to a small sound one: a byte of
 * settings, then either patches of its bytes or statements that put values into rows where none of their
 * kind belongs, or views in the places of tables. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/query.h"
#include "db/retention.h"
#include "db/tuple.h"
#include "report/compare.h"
#include "report/html.h"
#include "report/ladder_notation.h"
#include "report/ladder_svg.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/show.h"
#include "report/teardowns.h"
#include "tests/fuzz/fuzz.h"
#include "tests/store_scene.h"
#include "tests/version_6.h"

enum setting {
	BY_STATEMENTS = 1,
	WRITE_TOO = 2,
	CUT = 4,
	WITH_JOURNAL = 8,
	/* what is read; a whole file is read for all */
	READ_REPORT = 16,
	READ_ROWS = 32,
	READ_CONNECTIONS = 64,
	READ_ALL = READ_REPORT | READ_ROWS | READ_CONNECTIONS,
	WITHOUT_BLOCKS = 128, /* with statements: of version 5, to be brought up to date */
};
enum { COLUMNS_MAX = 512, CHANGES_MAX = 24, IDS = 6, SQL_STEPS = 20000 };
enum { ENDLESS = UINT8_MAX - 1 }; /* a row's number */

static const char magic[16] = "SQLite format 3";

struct column {
	char *table, *name;
};

/* The sound database, made once. */
static struct {
	char folder[64], path[96];
	uint8_t *bytes;
	size_t size;
	struct column column[COLUMNS_MAX];
	size_t columns;
} base;

static void remove_files(void)
{
	char command[sizeof(base.path) + 16];

	unlink(base.path);
	snprintf(command, sizeof(command), "%s-journal", base.path);
	unlink(command);
	rmdir(base.folder);
}

static void write_file(const char *suffix, const uint8_t *bytes, size_t size)
{
	char path[sizeof(base.path) + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", base.path, suffix);
	unlink(path);
	if (!bytes)
		return;
	file = fopen(path, "wbe");
	MUST(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static bool write_recording(struct store *store, const char *path, struct error *err)
{
	struct feed feed = scene_feed(path, path);
	struct recording recording = scene_recording(&feed);
	struct scene_verdict *scene = malloc(sizeof(*scene));
	struct decode_counts decoded = {.fragments = 3};
	struct engine_counts engine = {.segments = 9};
	bool good;
	int64_t id;

	MUST(scene);
	good = store_begin(store, &recording, &id, err);
	scene_full(scene);
	good = good && store_verdict(store, &scene->v, err);
	scene_unanswered(scene);
	good = good && store_verdict(store, &scene->v, err);
	for (unsigned i = 0; i < 3; i++) {
		scene_clean(scene, i);
		good = good && store_verdict(store, &scene->v, err);
	}
	good = good && store_commit(store, &recording, &decoded, &engine, err);
	if (!good)
		store_rollback(store);
	free(scene);
	return good;
}

static void find_columns(sqlite3 *db)
{
	sqlite3_stmt *statement;

	MUST(sqlite3_prepare_v2(db,
				"SELECT t.name, c.name FROM sqlite_schema AS t,"
				" pragma_table_info(t.name) AS c WHERE t.type = 'table'"
				" ORDER BY 1, c.cid",
				-1, &statement, NULL) == SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		MUST(base.columns < COLUMNS_MAX);
		base.column[base.columns++] = (struct column){
			strdup((const char *)sqlite3_column_text(statement, 0)),
			strdup((const char *)sqlite3_column_text(statement, 1))};
	}
	sqlite3_finalize(statement);
}

static void make_base(void)
{
	struct error err = {""};
	sqlite3_int64 size;
	struct store *store;
	sqlite3 *db;

	snprintf(base.folder, sizeof(base.folder), "%s/lastack-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(base.folder));
	snprintf(base.path, sizeof(base.path), "%s/db", base.folder);
	atexit(remove_files);
	store = store_open(base.path, STORE_WRITE, &err);
	MUST(store && write_recording(store, "/real/a.pcap", &err));
	MUST(write_recording(store, "/real/b.pcap", &err));
	store_close(store);
	MUST(sqlite3_open(base.path, &db) == SQLITE_OK);
	MUST(sqlite3_exec(db, "PRAGMA page_size = 1024; VACUUM", NULL, NULL, NULL) == SQLITE_OK);
	find_columns(db);
	base.bytes = sqlite3_serialize(db, "main", &size, 0);
	base.size = (size_t)size;
	MUST(base.bytes);
	sqlite3_close(db);
}

/* ---- what is done to it ---- */

static void patch(struct choices *c, uint8_t *bytes, size_t size)
{
	for (int i = 0; i < CHANGES_MAX && c->left > 0; i++) {
		size_t at = choose_u32(c) % size, count = choose_u8(c) % 32 + 1;
		const uint8_t *with = choose_bytes(c, &count);

		for (size_t k = 0; k < count && at + k < size; k++)
			bytes[at + k] = with[k];
	}
}

static void bind_any(sqlite3_stmt *statement, struct choices *c)
{
	uint8_t kind = choose_u8(c);
	size_t count = kind >> 3;
	uint64_t bits;
	double real;
	const uint8_t *bytes;

	switch (kind & 7) {
	case 0:
		sqlite3_bind_null(statement, 1);
		break;
	case 1:
		sqlite3_bind_int64(statement, 1, (int8_t)choose_u8(c));
		break;
	case 2:
	case 3:
		sqlite3_bind_int64(statement, 1, (int64_t)choose_u64(c));
		break;
	case 4:
		bits = choose_u64(c);
		memcpy(&real, &bits, sizeof(real));
		sqlite3_bind_double(statement, 1, real);
		break;
	case 5:
		bytes = choose_bytes(c, &count);
		sqlite3_bind_blob(statement, 1, bytes, (int)count, SQLITE_TRANSIENT);
		break;
	default:
		bytes = choose_bytes(c, &count);
		sqlite3_bind_text(statement, 1, (const char *)bytes, (int)count, SQLITE_TRANSIENT);
		break;
	}
}

static uint16_t name_hash(const struct column *column)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *p = column->table; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	for (const char *p = column->name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return (uint16_t)(hash ^ hash >> 16);
}

/* The one whose name's hash is next, so that inputs go on meaning the same when columns are added. */
static const struct column *column_of(uint16_t chosen)
{
	const struct column *best = &base.column[0];

	for (size_t i = 1; i < base.columns; i++)
		if ((uint16_t)(name_hash(&base.column[i]) - chosen) <
		    (uint16_t)(name_hash(best) - chosen))
			best = &base.column[i];
	return best;
}

/* A view without end instead of the table: true where that came true. */
static bool make_endless(sqlite3 *db, const char *table)
{
	char *sql = sqlite3_mprintf(
		"DROP TABLE \"%w\"; CREATE VIEW \"%w\" AS WITH RECURSIVE n(id) AS"
		" (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT * FROM n",
		table, table);
	bool made = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_free(sql);
	return made;
}

static void change_row(sqlite3 *db, const struct column *column, uint8_t row, struct choices *c)
{
	const char *key = strcmp(column->table, "block_values") == 0 ? "kind" : "rowid";
	sqlite3_stmt *statement = NULL;
	char *sql;

	if (row == UINT8_MAX)
		sql = sqlite3_mprintf("DELETE FROM \"%w\"", column->table);
	else if (row >= 0x80)
		sql = sqlite3_mprintf("UPDATE OR REPLACE \"%w\" SET \"%w\" = ?1", column->table,
				      column->name);
	else
		sql = sqlite3_mprintf("UPDATE OR REPLACE \"%w\" SET \"%w\" = ?1 WHERE %s ="
				      " (SELECT %s FROM \"%w\" LIMIT 1 OFFSET %d)",
				      column->table, column->name, key, key, column->table,
				      row % 12);
	sqlite3_prepare_v2(db, sql, -1, &statement, NULL); /* NULL: a table without rowid */
	if (statement)
		bind_any(statement, c);
	sqlite3_step(statement);
	sqlite3_finalize(statement);
	sqlite3_free(sql);
}

static uint8_t *by_statements(struct choices *c, uint8_t settings, size_t *size, bool *endless)
{
	static const char older[] = TO_VERSION_6 "DROP TABLE block_values; DROP TABLE blocks;"
						 "PRAGMA user_version = 5";
	static const char lenient[] = "PRAGMA ignore_check_constraints = ON;"
				      "PRAGMA journal_mode = OFF";
	uint8_t *copy = sqlite3_malloc64(base.size), *bytes;
	sqlite3_int64 changed;
	sqlite3 *db;

	MUST(copy && sqlite3_open(":memory:", &db) == SQLITE_OK);
	memcpy(copy, base.bytes, base.size);
	MUST(sqlite3_deserialize(
		     db, "main", copy, (sqlite3_int64)base.size, (sqlite3_int64)base.size,
		     SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK);
	sqlite3_exec(db, lenient, NULL, NULL, NULL);
	for (int i = 0; i < CHANGES_MAX && c->left > 0; i++) {
		const struct column *column = column_of(choose_u16(c));
		uint8_t row = choose_u8(c);

		if (row != ENDLESS)
			change_row(db, column, row, c);
		else if (make_endless(db, column->table))
			*endless = true;
	}
	if (settings & WITHOUT_BLOCKS)
		sqlite3_exec(db, older, NULL, NULL, NULL);
	bytes = sqlite3_serialize(db, "main", &changed, 0);
	MUST(bytes);
	*size = (size_t)changed;
	sqlite3_close(db);
	return bytes;
}

/* False where no reader may take it. */
static bool make_file(struct choices *c, uint8_t settings)
{
	bool endless = false;

	uint8_t *bytes;
	size_t size = base.size;

	write_file("-journal", NULL, 0);
	if (settings & WITH_JOURNAL) {
		size_t count = choose_u16(c);
		const uint8_t *journal = choose_bytes(c, &count);

		write_file("-journal", journal, count);
	}
	if (settings & CUT)
		size = choose_u32(c) % base.size;
	if (settings & BY_STATEMENTS) {
		bytes = by_statements(c, settings, &size, &endless);
	} else {
		bytes = sqlite3_malloc64(base.size);
		MUST(bytes);
		memcpy(bytes, base.bytes, base.size);
		patch(c, bytes, size > 0 ? size : 1);
	}
	write_file("", bytes, size);
	sqlite3_free(bytes);
	return !endless || settings & WITH_JOURNAL; /* which may undo it */
}

/* ---- what is read of it ---- */

/* Nothing in it moves a cursor or changes a colour. */
static void end_text(struct written *w)
{
	written_end(w);
	for (size_t i = 0; i < w->length; i++)
		if ((unsigned char)w->text[i] < ' ' && w->text[i] != '\n') {
			fprintf(stderr, "%.*s\n", (int)i, w->text);
			abort(); /* a control character in a text */
		}
	free(w->text);
}

/* Lines that are JSON each. */
static void end_json(struct written *w)
{
	static sqlite3 *db;
	static sqlite3_stmt *statement;

	written_end(w);
	if (!db)
		MUST(sqlite3_open(":memory:", &db) == SQLITE_OK &&
		     sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &statement, NULL) ==
			     SQLITE_OK);
	sqlite3_bind_text(statement, 1, w->text, (int)w->length, SQLITE_STATIC);
	MUST(w->length == 0 ||
	     (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0)));
	sqlite3_reset(statement);
	free(w->text);
}

static const struct style plain = {.unicode = true, .width = 80};
static const struct report_origin origin = {.database = "lastack.db", .version = "0"};

static void report(struct store *store, const struct summary *summary,
		   const struct diagnoses *diagnoses)
{
	struct error err = {""};
	struct compared side = {"lastack.db", summary, diagnoses};
	struct comparison *comparison = comparison_make(&side, &side, &err);
	struct written w;

	MUST(comparison);
	written_begin(&w);
	report_text(w.out, &plain, summary, diagnoses, &origin);
	report_markdown(w.out, summary, diagnoses, &origin);
	comparison_text(w.out, &plain, comparison);
	comparison_markdown(w.out, comparison);
	end_text(&w);
	written_begin(&w);
	report_json(w.out, summary, diagnoses, &origin);
	end_json(&w);
	written_begin(&w);
	comparison_json(w.out, comparison, "0");
	end_json(&w);
	comparison_free(comparison);
	written_begin(&w);
	if (!report_html(w.out, store, summary, diagnoses, &origin, &err))
		MUST(err.text[0]);
	fclose(w.out);
	free(w.text);
}

static void read_report(struct store *store)
{
	struct error err = {""};
	struct summary *summary = summary_read(store_handle(store), NULL, 0, &err);
	struct diagnoses *diagnoses = summary ? diagnoses_read(store_handle(store), NULL, 0, &err)
					      : NULL;

	MUST(diagnoses || err.text[0]);
	if (diagnoses)
		report(store, summary, diagnoses);
	diagnoses_free(diagnoses);
	summary_free(summary);
}

/* One of the groups or of the filters, in one of the forms; all of them take long. */
static void read_rows(struct store *store, uint8_t pick)
{
	static const struct query_filter filters[] = {
		{.limit = 9},
		{.severity = "info", .host = "10.0.0.0/8", .has_port = true, .port = 80},
		{.client = "10.0.0.0/8", .has_server_port = true, .server_port = 80, .limit = 2},
		{.complete = true,
		 .capture = "/real/b.pcap",
		 .has_until = true,
		 .until_ns = INT64_MAX},
		{.application = "TLS",
		 .tunnel = "",
		 .has_max_duration = true,
		 .max_duration_ns = 9}};
	enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };
	struct error err = {""};
	size_t which = pick % (QUERY_GROUPS + FILTERS);
	bool group = which < QUERY_GROUPS;
	unsigned format = (pick >> 4) % 4;
	sqlite3_stmt *s = group ? query_prepare_groups(store, &filters[0], (enum query_group)which,
						       &err)
				: query_prepare(store, &filters[which - QUERY_GROUPS], &err);
	struct written w;
	uint64_t rows;
	bool cut;

	MUST(s || err.text[0]);
	written_begin(&w);
	if (s && format <= ROWS_CSV)
		rows_write(w.out, s, (enum rows_format)format, 5, &plain, &rows, &cut, &err);
	else if (s && !group)
		teardowns_write_table(w.out, s, 5, &plain, &rows, &cut, &err);
	if (format == ROWS_TABLE || format > ROWS_CSV) {
		end_text(&w);
	} else {
		fclose(w.out);
		free(w.text);
	}
	sqlite3_finalize(s);
}

static void read_connection(struct store *store, int64_t id)
{
	struct error err = {""};
	struct ladder_view *view = ladder_view_read(store, id, &err);
	struct written w;
	int64_t next;

	MUST((view == NULL) == (err.text[0] != '\0'));
	if (!view)
		return;
	written_begin(&w);
	show_text(w.out, &plain, view);
	if (view->step_count > 0)
		ladder_notation(w.out, view, NULL);
	end_text(&w);
	written_begin(&w);
	show_json(w.out, view);
	end_json(&w);
	written_begin(&w);
	MUST(ladder_svg(w.out, view, true, &err));
	fclose(w.out);
	free(w.text);
	(void)tuple_next(store, id, &next, &err);
	ladder_view_free(view);
}

static int stop(void *steps)
{
	return --*(int *)steps <= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	bool whole = size >= sizeof(magic) && memcmp(data, magic, sizeof(magic)) == 0;
	uint8_t settings = whole ? WRITE_TOO | READ_ALL : choose_u8(&c);
	uint8_t pick = whole ? (uint8_t)size : choose_u8(&c);
	struct error err = {""};
	struct store *store;
	int steps = SQL_STEPS;
	bool may_open = true;

	if (!base.bytes)
		make_base();
	if (whole)
		write_file("", data, size);
	else
		may_open = make_file(&c, settings);
	store = store_open(base.path, STORE_READ, &err);
	MUST((store == NULL) == (err.text[0] != '\0') && (may_open || !store));
	if (store) { /* a statement may be made endless; it is ended as a signal ends it */
		sqlite3_progress_handler(store_handle(store), 1000, stop, &steps);
		if (settings & READ_REPORT)
			read_report(store);
		if (settings & READ_ROWS)
			read_rows(store, pick);
		if (settings & READ_CONNECTIONS)
			read_connection(store, pick % IDS + 1);
	}
	store_close(store);
	if (!(settings & WRITE_TOO))
		return 0;
	err.text[0] = '\0';
	store = store_open(base.path, STORE_WRITE, &err);
	MUST((store == NULL) == (err.text[0] != '\0') && (may_open || !store));
	if (store && (!write_recording(store, "/real/a.pcap", &err) ||
		      !retention_step(&(struct retention){.keep_bytes = 1}, store_handle(store), 0,
				      1, &err)))
		MUST(err.text[0]);
	store_close(store);
	return 0;
}
