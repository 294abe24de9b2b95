/* Scenes for the tests of db/: a feed that is only described, verdicts to store, and looks into the
 * database past the store. */
#ifndef LASTACK_TESTS_STORE_SCENE_H
#define LASTACK_TESTS_STORE_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/store.h"

/* Stands in for the feed of source/: the files are as set here. */
struct feed {
	struct feed_file file[4];
	size_t count;
};

/* A feed of one file; real_path NULL: standard input. */
struct feed scene_feed(const char *path, const char *real_path);

/* A recording of that feed that replaces earlier ones; MSL 120 s. */
struct recording scene_recording(const struct feed *feed);

/* A verdict and the parts it points to. Do not copy: scene_verdict_* fill it in place. */
struct scene_verdict {
	struct verdict v;
	struct state_entry timeline[TIMELINE_MAX];
	struct finding finding[4];
	struct ladder_segment ladder[8];
};

/* A clean four_way close, 10.0.0.1:40000 to 10.0.0.2:80, the initiator first; the capture ends at
 * SCENE_END_NS, inside TIME_WAIT. number moves port, packet and times. */
void scene_clean(struct scene_verdict *scene, unsigned number);
/* Everything that can be set is set, and nothing follows from anything else. */
void scene_full(struct scene_verdict *scene);
/* A SYN without an answer: nearly everything is absent. */
void scene_unanswered(struct scene_verdict *scene);

#define SCENE_START_NS INT64_C(1700000000000000000)
#define SCENE_END_NS   (SCENE_START_NS + INT64_C(60000000000))

/* Stores one recording of count clean connections; asserts that it works. Returns its id. */
int64_t scene_store(struct store *store, const struct recording *recording, unsigned count);
bool scene_commit(struct store *store, const struct recording *recording, struct error *err);

/* Recordings, captures and connections: "1 1 5". */
#define SCENE_COUNTS                                                                               \
	"SELECT (SELECT count(*) FROM recordings) || ' ' || (SELECT count(*) FROM captures) || ' " \
	"'"                                                                                        \
	" || (SELECT count(*) FROM teardowns)"

/* store_open that must work. */
struct store *scene_open(const char *path, enum store_mode mode);
/* Opens, stores count clean connections as the recording of real_path, closes. */
void scene_store_file(const char *path, const char *real_path, unsigned count);
/* Asserts that opening fails with an error that names the path and the reason. */
void scene_expect_refusal(const char *path, enum store_mode mode, const char *reason);
/* Asserts that SQLite finds nothing wrong with the file. */
void scene_expect_sound(const char *path);

/* A new folder for the test's files; the caller gives it to scene_remove. */
char *scene_folder(void);
void scene_remove(char *folder);
/* folder/name in a buffer that lives until the next call but three. */
const char *scene_path(const char *folder, const char *name);

/* The first column of the first row as text, "NULL" where it is NULL, "-" without rows. Lives until
 * the next call but three. */
const char *scene_value(sqlite3 *db, const char *sql);
/* The same in the file, through a handle of its own. */
const char *scene_file_value(const char *path, const char *sql);

/* A whole file in memory. */
struct scene_bytes {
	unsigned char *bytes;
	size_t size;
};
struct scene_bytes scene_read(const char *path);
void scene_write(const char *path, const void *bytes, size_t size);
/* Asserts that the file still has these bytes; frees them. */
void scene_assert_unchanged(const char *path, struct scene_bytes before);

#endif
