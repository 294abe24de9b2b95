#include "db/database_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "db/schema.h"

enum { BUSY_TIMEOUT_MS = 5000 };

/* A page to which another leads many times is read as often: five pages can be rows without end. Our own
 * statements take 4 steps a byte of the file at most, of a file that holds nothing but SYNs, all of whose rows are
 * listed; and some thousand in any case. */
enum { STEPS_A_BYTE = 50, STEPS_AT_LEAST = 1000000, STEPS_A_LOOK = 10000 };

/* The database header, https://sqlite.org/fileformat2.html section 1.3. */
enum { HEADER_SIZE = 100, HEADER_USER_VERSION = 60, HEADER_APPLICATION_ID = 68 };
static const char header_magic[16] = "SQLite format 3";

enum file_kind {
	FILE_ABSENT,
	FILE_EMPTY,
	FILE_OURS,
	FILE_UNFINISHED, /* the very first transaction was cut off: SQLite will roll it back */
};

static bool version_check(const char *path, uint32_t version, struct error *err)
{
	if (version > SCHEMA_VERSION)
		return error_set(
			err,
			"%s: written by a newer lastack (schema %u, this one knows up to %d): "
			"use that version, or another database with --db",
			path, version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION_OLDEST)
		return error_set(err,
				 "%s: has the unknown schema version %u (this lastack writes %d): "
				 "analyze the captures again into another database with --db",
				 path, version, SCHEMA_VERSION);
	return true;
}

static bool journal_exists(const char *path)
{
	char *journal = sqlite3_mprintf("%s-journal", path);
	struct stat st;
	bool exists = journal && stat(journal, &st) == 0 && st.st_size > 0;

	sqlite3_free(journal);
	return exists;
}

/* Of an existing file that is not empty: reads its header. */
static bool header_check(const char *path, const uint8_t *bytes, size_t size, enum file_kind *kind,
			 struct error *err)
{
	static const uint8_t zeros[HEADER_SIZE];
	struct cursor version = cursor_of(bytes, size), id = version;
	uint32_t user_version, application_id;

	*kind = FILE_OURS;
	if (size == HEADER_SIZE && memcmp(bytes, zeros, HEADER_SIZE) == 0 && journal_exists(path)) {
		*kind = FILE_UNFINISHED;
		return true;
	}
	if (size < HEADER_SIZE || memcmp(bytes, header_magic, sizeof(header_magic)) != 0)
		return error_set(err,
				 "%s: is not a database; it was left as it is (name another file "
				 "with --db)",
				 path);
	if (!cursor_skip(&version, HEADER_USER_VERSION) || !cursor_be32(&version, &user_version) ||
	    !cursor_skip(&id, HEADER_APPLICATION_ID) || !cursor_be32(&id, &application_id))
		return error_set(err, "%s: has no database header", path);
	if (application_id != SCHEMA_APPLICATION_ID)
		return error_set(
			err,
			"%s: is a database, but not one of lastack's; it was left as it is "
			"(name another file with --db)",
			path);
	return version_check(path, user_version, err);
}

static bool file_inspect(const char *path, enum file_kind *kind, struct error *err)
{
	uint8_t header[HEADER_SIZE];
	struct stat st;
	ssize_t got;
	int fd;

	if (stat(path, &st) != 0) {
		*kind = FILE_ABSENT;
		return errno == ENOENT || error_set(err, "%s: %s", path, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return error_set(err, "%s: is a directory, not a database", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, "%s: is no regular file", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, "%s: %s", path, strerror(errno));
	got = pread(fd, header, sizeof(header), 0);
	close(fd);
	if (got < 0)
		return error_set(err, "%s: %s", path, strerror(errno));
	if (got == 0) {
		*kind = FILE_EMPTY;
		return true;
	}
	return header_check(path, header, (size_t)got, kind, err);
}

static int take_steps(void *context)
{
	struct database_file *file = context;

	file->steps += STEPS_A_LOOK;
	return database_file_is_endless(file);
}

bool database_file_is_endless(const struct database_file *file)
{
	return file->steps_max > 0 && file->steps > file->steps_max;
}

void database_file_allow_all_steps(struct database_file *file)
{
	sqlite3_progress_handler(file->db, 0, NULL, NULL);
}

bool database_file_error(const struct database_file *file, struct error *err)
{
	int code = sqlite3_errcode(file->db) & 0xff;

	if (database_file_is_endless(file))
		return error_set(err,
				 "%s: is damaged (there is more to read in it than a file of its "
				 "size can hold); move it away and analyze the captures again",
				 file->path);
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return error_set(err,
				 "%s: is in use by another program; try again when that is done",
				 file->path);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return error_set(err,
				 "%s: is damaged (%s); move it away and analyze the captures again",
				 file->path, sqlite3_errmsg(file->db));
	if (code == SQLITE_ERROR) /* our statements are right where the tables are ours */
		return error_set(err,
				 "%s: is not as lastack makes it (%s); move it away and analyze "
				 "the captures again",
				 file->path, sqlite3_errmsg(file->db));
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return error_prefix(err, "%s", file->path); /* not SQLite's: err says it already */
	return error_set(err, "%s: %s", file->path, sqlite3_errmsg(file->db));
}

static bool pragma_value(struct database_file *file, const char *sql, int64_t *value,
			 struct error *err)
{
	sqlite3_stmt *statement;
	bool ok = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;

	if (ok)
		*value = sqlite3_column_int64(statement, 0);
	else
		database_file_error(file, err);
	sqlite3_finalize(statement);
	return ok;
}

/* After SQLite has rolled back what was unfinished: what is really there? */
static bool content_check(struct database_file *file, struct error *err)
{
	int64_t tables, id, version, pages, page_size;

	if (!pragma_value(file, "PRAGMA page_count", &pages, err) ||
	    !pragma_value(file, "PRAGMA page_size", &page_size, err))
		return false;
	file->steps_max = STEPS_AT_LEAST + pages * page_size * STEPS_A_BYTE;
	if (!pragma_value(file, "SELECT count(*) FROM sqlite_schema", &tables, err) ||
	    !pragma_value(file, "PRAGMA application_id", &id, err) ||
	    !pragma_value(file, "PRAGMA user_version", &version, err))
		return false;
	file->has_schema = tables > 0;
	if (!file->has_schema)
		return true;
	if (id != SCHEMA_APPLICATION_ID)
		return error_set(err, "%s: is a database, but not one of lastack's", file->path);
	file->outdated = version < SCHEMA_VERSION;
	if (!version_check(file->path, (uint32_t)version, err))
		return false;
	return schema_check(file->db, err) || database_file_error(file, err);
}

/* The file may be anybody's: its schema calls no function that does more than reckon, fires nothing, and
 * cells of its pages are looked at before they are believed. */
static void distrust(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA ignore_check_constraints = ON", NULL,
		     NULL, NULL);
}

static bool configure(struct database_file *file, enum store_mode mode, struct error *err)
{
	/* The load appends to a few tables at once: 4 MiB hold their edges; indexes of more rows
	 * are sorted in a temporary file, which takes no longer. FULL costs a handful of fsyncs a recording and survives a power cut. */
	static const char write_sql[] = "PRAGMA cache_size = -4096;"
					"PRAGMA synchronous = FULL;"
					"PRAGMA foreign_keys = OFF;";
	const char *sql = mode == STORE_WRITE ? write_sql : "PRAGMA query_only = ON";

	distrust(file->db);
	sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
	sqlite3_extended_result_codes(file->db, 1);
	if (sqlite3_exec(file->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_file_error(file, err);
	if (mode == STORE_READ)
		sqlite3_progress_handler(file->db, STEPS_A_LOOK, take_steps, file);
	return true;
}

static bool connect_with(struct database_file *file, enum store_mode mode, int flags,
			 struct error *err)
{
	/* A name like "file:x" is a file's name here, never a URI. */
	bool plain = file->memory || strncmp(file->path, "file:", 5) != 0;
	char *name = sqlite3_mprintf("%s%s", plain ? "" : "./", file->path);
	int result = SQLITE_NOMEM;

	if (name) /* a store belongs to one thread: no mutex around every bind */
		result = sqlite3_open_v2(name, &file->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	sqlite3_free(name);
	if (!file->db)
		return error_set(err, "out of memory");
	if (result != SQLITE_OK)
		return database_file_error(file, err);
	return configure(file, mode, err);
}

static bool migrate_locked(struct database_file *file, struct error *err)
{
	/* another run may have done it meanwhile */
	if (!content_check(file, err))
		return false;
	if (file->outdated && !schema_migrate(file->db, err))
		return database_file_error(file, err);
	if (sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return database_file_error(file, err);
	file->outdated = false;
	return true;
}

/* Brings an older version's schema up to date, in one transaction. */
static bool migrate(struct database_file *file, struct error *err)
{
	if (sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return database_file_error(file, err);
	if (migrate_locked(file, err))
		return true;
	sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/* The same for a file that shall only be read: it is opened to write for that moment. */
static bool migrate_to_read(struct database_file *file, struct error *err)
{
	struct database_file writer = {.path = file->path};
	bool ok = connect_with(&writer, STORE_WRITE, SQLITE_OPEN_READWRITE, err) &&
		  migrate(&writer, err);

	sqlite3_close(writer.db);
	if (!ok)
		return error_prefix(err, "the database of an older lastack must be brought up to "
					 "date, and cannot be written");
	sqlite3_close(file->db);
	file->db = NULL;
	return connect_with(file, STORE_READ, SQLITE_OPEN_READONLY, err) &&
	       content_check(file, err);
}

/* Reading needs no right to write, except where a killed run left a journal to roll back. */
static bool connect_to_read(struct database_file *file, struct error *err)
{
	int code;

	if (connect_with(file, STORE_READ, SQLITE_OPEN_READONLY, err) && content_check(file, err))
		return true;
	code = sqlite3_errcode(file->db) & 0xff;
	if ((code != SQLITE_READONLY && code != SQLITE_CANTOPEN) || !journal_exists(file->path))
		return false;
	sqlite3_close(file->db);
	file->db = NULL;
	if (err)
		err->text[0] = '\0'; /* the first attempt's */
	return connect_with(file, STORE_READ, SQLITE_OPEN_READWRITE, err) &&
	       content_check(file, err);
}

static bool create(struct database_file *file, struct error *err)
{
	int fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(err,
				 "%s: cannot be created: %s; name another file with --db, or use "
				 "--db :memory:",
				 file->path, strerror(errno));
	close(fd);
	file->created = true;
	return true;
}

static bool open_to_read(struct database_file *file, struct error *err)
{
	enum file_kind kind;

	if (file->memory)
		return error_set(err, ":memory: keeps nothing, so there is nothing to read; name a "
				      "database");
	if (!file_inspect(file->path, &kind, err))
		return false;
	if (kind == FILE_ABSENT)
		return error_set(err,
				 "%s: there is no such database; lastack analyze CAPTURE makes one",
				 file->path);
	if (kind != FILE_EMPTY && !connect_to_read(file, err))
		return false;
	if (kind == FILE_EMPTY || !file->has_schema)
		return error_set(err, "%s: is empty; lastack analyze CAPTURE fills it", file->path);
	return !file->outdated || migrate_to_read(file, err);
}

static bool open_to_write(struct database_file *file, struct error *err)
{
	enum file_kind kind;

	if (!file->memory) {
		if (!file_inspect(file->path, &kind, err))
			return false;
		/* another run may create it between the look and the attempt; a link that leads
		 * nowhere stays absent and stays an error */
		if (kind == FILE_ABSENT && !create(file, err) &&
		    (!file_inspect(file->path, &kind, NULL) || kind == FILE_ABSENT))
			return false;
		if (err)
			err->text[0] = '\0';
	}
	return connect_with(file, STORE_WRITE, SQLITE_OPEN_READWRITE, err) &&
	       content_check(file, err) && (!file->outdated || migrate(file, err));
}

/* Once the file is of this version. */
static bool use_own_views(struct database_file *file, enum store_mode mode, struct error *err)
{
	if (!file->has_schema)
		return true;
	/* it bars temporary views, too */
	if (sqlite3_exec(file->db, "PRAGMA query_only = OFF", NULL, NULL, NULL) != SQLITE_OK ||
	    !schema_own_views(file->db, err) ||
	    (mode == STORE_READ &&
	     sqlite3_exec(file->db, "PRAGMA query_only = ON", NULL, NULL, NULL) != SQLITE_OK))
		return database_file_error(file, err);
	return true;
}

bool database_file_open(const char *path, enum store_mode mode, struct database_file *file,
			struct error *err)
{
	*file = (struct database_file){.path = strdup(path),
				       .memory = strcmp(path, ":memory:") == 0};
	if (!file->path)
		return error_set(err, "out of memory");
	if (path[0] == '\0')
		error_set(err, "the database needs a name");
	else if ((mode == STORE_WRITE ? open_to_write(file, err) : open_to_read(file, err)) &&
		 use_own_views(file, mode, err))
		return true;
	database_file_close(file);
	return false;
}

bool database_file_in_place(const struct database_file *file)
{
	int moved = 0;

	if (file->memory)
		return true;
	sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return !moved;
}

/* Under the exclusive lock, so that no other run has begun to fill the same file meanwhile. */
static void remove_if_unused(const struct database_file *file)
{
	struct stat st;

	if (sqlite3_exec(file->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
		return;
	if (database_file_in_place(file) && stat(file->path, &st) == 0 && st.st_size == 0)
		unlink(file->path);
	sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

void database_file_close(struct database_file *file)
{
	if (file->created && file->db)
		remove_if_unused(file);
	sqlite3_close(file->db);
	free(file->path);
	*file = (struct database_file){0};
}
