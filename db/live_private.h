/* What the files of the live store share. Nobody else includes this. */
#ifndef LASTACK_DB_LIVE_PRIVATE_H
#define LASTACK_DB_LIVE_PRIVATE_H

#include "db/live.h"
#include "db/retention.h"
#include "db/store_private.h"

/* Ids that a live recording keeps for itself while it runs, so that another program may add rows beside. */
#define LIVE_IDS INT64_C(10000000000)

/* An open database with its recording, the store's thread's own. */
struct live_file {
	struct store *store;
	struct recording recording;
	struct feed *feed; /* owned; of the recording */
	bool logs;         /* it is ours, and in WAL mode */
	int lock; /* flock on the database; closed after SQLite's files, as closing it drops
	                         * SQLite's own locks */
	uint64_t number_base; /* verdicts up to here belong to an earlier file */
	int64_t first_id;     /* of the recording's connections */
	int64_t data_version; /* as of our last transaction; -1: unknown */
	uint64_t lost_before; /* rows lost before this recording began */
	uint64_t expired_before;
	struct live_counts counted_before; /* the same of what is counted */
};

/* Opens it, makes the schema, and sets it up for readers beside. */
bool live_file_open(struct live_file *file, const struct live_store_config *config,
		    struct error *err);
void live_file_close(struct live_file *file);

/* Inside a transaction. */
bool live_rows_begin(struct live_file *file, int64_t now_ns, struct error *err);
bool live_rows_interrupted(struct live_file *file, const struct live_store_config *config,
			   struct error *err);
bool live_rows_update(struct live_file *file, const struct live_counts *counts, uint64_t rows_lost,
		      uint64_t rows_expired, int64_t now_ns, bool finished, struct error *err);
/* Makes ids in the dictionaries' caches void where anybody else has written, or all is true. */
bool live_rows_dictionaries(struct live_file *file, bool all, struct error *err);

/* live_counts.c: what is left of now when before, an earlier state of it, is taken away. */
void live_counts_since(struct live_counts *now, const struct live_counts *before);

/* live_open.c: connections that are open, on their way from the workers to the file. */
struct live_opens;

struct live_opens *live_opens_new(size_t workers, struct error *err);
void live_opens_free(struct live_opens *opens); /* NULL is fine */
/* Any thread: see live_store_wants_open and live_store_put_open. */
bool live_opens_wanted(struct live_opens *opens, size_t worker);
void live_opens_put(struct live_opens *opens, size_t worker, struct live_open *rows, size_t count,
		    int64_t as_of_ns, int64_t cost_ns);
/* The store's thread: asks the workers where it is time to. */
void live_opens_ask(struct live_opens *opens);
void live_opens_locked(struct live_opens *opens); /* the file cannot be written */
void live_opens_void(struct live_opens *opens);   /* nor is known what is in it */
/* All have told, and it is not as in the file. */
bool live_opens_changed(struct live_opens *opens);
/* Inside a transaction: writes what was told, if all have. */
bool live_opens_write(struct live_opens *opens, struct live_file *file,
		      const struct live_store_config *config, struct error *err);

#endif
