#include "db/live.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/thread.h"
#include "db/live_backlog.h"
#include "db/live_private.h"
#include "db/schema.h"

#define SECOND_NS INT64_C(1000000000)
#define COMMIT_NS SECOND_NS
#define RETRY_NS  (SECOND_NS / 2)
#define COUNTS_NS (5 * SECOND_NS) /* between commits that bring nothing but counts */

enum { ALERTS_WAITING = 256 };
/* Rows in one transaction at most, so that a backlog is written in pieces. */
enum { TRANSACTION_ROWS = 50000 };

struct live_store {
	struct live_store_config config;
	struct backlog *backlog;
	struct live_opens *opens;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows, up to the thread's own */
	pthread_cond_t wake;
	struct live_counts counts;
	bool counted;                 /* counts are new */
	struct live_counts at_reopen; /* as they were; valid where reopen */
	bool reopen, closing;
	int64_t give_up_ns; /* CLOCK_MONOTONIC; while closing */
	struct live_store_status status;
	/* the thread's own */
	struct live_file file;
	struct retention retention;
	struct backlog_chunk *first, *last; /* taken, not committed */
	struct live_counts latest;
	uint64_t highest;                        /* number of a verdict told so far */
	int64_t counts_next_ns;                  /* CLOCK_MONOTONIC */
	bool left;                               /* rows were left behind at the end */
	struct alert_row alerts[ALERTS_WAITING]; /* not committed */
	size_t alert_count;
	struct error trouble;
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

static int64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* What ages are counted from. */
static int64_t time_of_day(const struct live_store *live)
{
	return live->config.now_ns ? live->config.now_ns(live->config.context)
				   : clock_ns(CLOCK_REALTIME);
}

/* ---- transactions ---- */

static bool begin(struct live_store *live, struct error *err)
{
	struct live_file *file = &live->file;

	if (!schema_run(file->store->file.db, "BEGIN IMMEDIATE", err))
		return store_failed(file->store, err);
	blocks_forget(file->store->blocks); /* others, and retention, may have dropped some */
	if (live_rows_dictionaries(file, false, err))
		return true;
	store_rollback(file->store);
	return false;
}

static enum live_store_state state_of(sqlite3 *db)
{
	int code = sqlite3_errcode(db) & 0xff;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return LIVE_STORE_LOCKED;
	return code == SQLITE_FULL ? LIVE_STORE_FULL : LIVE_STORE_FAILED;
}

/* What stands in the way is said, and kept until a commit succeeds. */
static void note_trouble(struct live_store *live, enum live_store_state state,
			 const struct error *err)
{
	pthread_mutex_lock(&live->mutex);
	live->status.state = state;
	snprintf(live->status.trouble, sizeof(live->status.trouble), "%.255s", err->text);
	pthread_mutex_unlock(&live->mutex);
	live->trouble = *err;
}

static bool failed(struct live_store *live, struct error *err)
{
	enum live_store_state state = state_of(live->file.store->file.db);

	store_name_error(live->file.store, true, err);
	store_rollback(live->file.store);
	live->file.data_version = -1; /* ids in the caches may be of rows that are gone again */
	live_opens_void(live->opens);
	pthread_mutex_lock(&live->mutex);
	live->counted = true; /* not stored after all */
	pthread_mutex_unlock(&live->mutex);
	note_trouble(live, state, err);
	return false;
}

static int64_t file_bytes(const struct live_store *live)
{
	struct stat st;

	return stat(live->config.path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static bool commit(struct live_store *live, uint64_t rows, struct error *err)
{
	struct live_file *file = &live->file;

	if (!schema_run(file->store->file.db, "COMMIT", err))
		return store_failed(file->store, err);
	pthread_mutex_lock(&live->mutex);
	live->status.state = LIVE_STORE_FINE;
	live->status.trouble[0] = '\0';
	live->status.rows += rows;
	live->status.commits++;
	live->status.last_commit_ns = clock_ns(CLOCK_REALTIME);
	live->status.rows_expired = live->retention.expired;
	live->status.bytes = file_bytes(live);
	pthread_mutex_unlock(&live->mutex);
	return true;
}

/* ---- rows ---- */

struct writing {
	struct live_store *live;
	uint64_t rows;
	struct error *err;
};

static bool write_one(void *context, const struct verdict *verdict)
{
	struct writing *w = context;
	struct store *store = w->live->file.store;

	if (verdict->open || verdict->number <= w->live->file.number_base)
		return true; /* told only; its row is in an earlier file */
	w->rows++;
	if (verdict->settled)
		return connection_settle(store, verdict, w->err);
	return connection_add(store, verdict, w->err);
}

static bool tell_one(void *context, const struct verdict *verdict)
{
	struct live_store *live = context;
	int64_t first = live->file.store->first_connection;

	if (verdict->number > live->highest)
		live->highest = verdict->number;
	if (live->config.told)
		live->config.told(live->config.context, verdict,
				  verdict->open ? 0 : first + (int64_t)verdict->number - 1);
	return true;
}

/* Takes over what waits; whoever looks on learns of it now, be it written or not. */
static void take(struct live_store *live)
{
	struct backlog_chunk *chunk = backlog_take(live->backlog);

	if (!chunk)
		return;
	if (live->last)
		live->last->next = chunk;
	else
		live->first = chunk;
	for (; chunk; chunk = chunk->next) {
		backlog_each(chunk, tell_one, live);
		live->last = chunk;
	}
}

/* A transaction's worth of what was taken; *end: the first chunk that is not in it. */
static bool write_rows(struct live_store *live, struct writing *w, struct backlog_chunk **end)
{
	struct backlog_chunk *chunk = live->first;

	while (chunk && w->rows < TRANSACTION_ROWS) {
		if (!backlog_each(chunk, write_one, w))
			return false;
		chunk = chunk->next;
	}
	*end = chunk;
	return true;
}

static void drop_written(struct live_store *live, const struct backlog_chunk *end)
{
	while (live->first != end) {
		struct backlog_chunk *chunk = live->first;

		live->first = chunk->next;
		backlog_done(live->backlog, chunk);
	}
	if (!live->first)
		live->last = NULL;
}

/* ---- alerts ---- */

void live_store_alert(struct live_store *live, const struct alert_row *row)
{
	if (live->alert_count == ALERTS_WAITING)
		memmove(live->alerts, live->alerts + 1,
			--live->alert_count * sizeof(live->alerts[0]));
	live->alerts[live->alert_count++] = *row;
}

static bool write_alerts(struct live_store *live, struct error *err)
{
	struct store *store = live->file.store;

	for (size_t i = 0; i < live->alert_count; i++)
		if (!alert_rows_put(store->file.db, store->recording_id, &live->alerts[i], err))
			return store_failed(store, err);
	return true;
}

/* ---- the thread ---- */

static void take_counts(struct live_store *live)
{
	pthread_mutex_lock(&live->mutex);
	live->latest = live->reopen ? live->at_reopen : live->counts;
	live->counted = false;
	pthread_mutex_unlock(&live->mutex);
	live_counts_since(&live->latest, &live->file.counted_before);
}

/* The last one of a recording forgets nothing: its counts are told. */
static bool transaction(struct live_store *live, bool finished, struct backlog_chunk **end,
			struct error *err)
{
	struct writing w = {.live = live, .err = err};
	struct live_file *file = &live->file;
	struct retention before = live->retention;
	int64_t now_ns = clock_ns(CLOCK_REALTIME);

	if (!begin(live, err))
		return failed(live, err);
	take_counts(live);
	if (!write_rows(live, &w, end) || !write_alerts(live, err) ||
	    !live_opens_write(live->opens, file, &live->config, err) ||
	    !live_rows_update(file, &live->latest, backlog_lost(live->backlog),
			      live->retention.expired, now_ns, finished, err) ||
	    (!finished && !retention_step(&live->retention, file->store->file.db, time_of_day(live),
					  w.rows, err)) ||
	    !commit(live, w.rows, err)) {
		live->retention = before;
		return failed(live, err);
	}
	live->alert_count = 0;
	if (live->retention.hosts_changed)
		file->data_version = -1;
	live->retention.hosts_changed = false;
	return true;
}

/* An idle run writes nothing. What can wait, waits for COUNTS_NS. */
static bool anything_new(struct live_store *live)
{
	bool counted, open = live_opens_changed(live->opens);

	if (live->first || live->alert_count > 0 || open)
		return true;
	if (monotonic_ns() < live->counts_next_ns)
		return false;
	live->counts_next_ns = monotonic_ns() + COUNTS_NS;
	pthread_mutex_lock(&live->mutex);
	counted = live->counted;
	pthread_mutex_unlock(&live->mutex);
	return counted ||
	       retention_due(&live->retention, live->file.store->file.db, time_of_day(live));
}

/* Commits what waits; false: it waits on. */
static bool commit_all(struct live_store *live, bool finished)
{
	struct error err = {""};

	take(live);
	do {
		struct backlog_chunk *end = NULL;

		if (!transaction(live, false, &end, &err))
			return false;
		drop_written(live, end);
	} while (live->first);
	live->counts_next_ns = monotonic_ns() + COUNTS_NS;
	if (finished) {
		struct backlog_chunk *end = NULL;

		return transaction(live, true, &end, &err);
	}
	retention_shrink(live->file.store->file.db, &err);
	return true;
}

static bool begin_recording(struct live_store *live, struct error *err)
{
	struct live_file *file = &live->file;

	if (!schema_run(file->store->file.db, "BEGIN IMMEDIATE", err))
		return store_failed(file->store, err);
	if (live_rows_interrupted(file, &live->config, err) &&
	    live_rows_begin(file, clock_ns(CLOCK_REALTIME), err) &&
	    (schema_run(file->store->file.db, "COMMIT", err) || store_failed(file->store, err)))
		return true;
	store_rollback(file->store);
	return false;
}

static bool gives_up(struct live_store *live)
{
	bool over;

	pthread_mutex_lock(&live->mutex);
	over = live->closing && monotonic_ns() >= live->give_up_ns;
	pthread_mutex_unlock(&live->mutex);
	return over;
}

static bool open_next(struct live_store *live, const struct live_counts *before, struct error *err)
{
	struct live_file *file = &live->file;

	if (!live_file_open(file, &live->config, err))
		return false;
	live_opens_void(live->opens);
	file->number_base = live->highest;
	file->lost_before = backlog_lost(live->backlog);
	file->expired_before = live->retention.expired;
	file->counted_before = *before;
	if (begin_recording(live, err))
		return true;
	live_file_close(file);
	return false;
}

/* The file that now has the name; the old one is finished and left. */
static void reopen(struct live_store *live)
{
	struct live_counts before;
	struct error err = {""};
	char text[1100];

	if (!commit_all(live, true)) /* tried again later */
		return;
	pthread_mutex_lock(&live->mutex);
	before = live->at_reopen;
	live->reopen = false;
	live->counted = true;
	pthread_mutex_unlock(&live->mutex);
	live_file_close(&live->file);
	while (!open_next(live, &before, &err)) {
		struct timespec wait = {.tv_nsec = RETRY_NS};

		note_trouble(live, LIVE_STORE_FAILED, &err);
		if (gives_up(live))
			return;
		nanosleep(&wait, NULL);
	}
	snprintf(text, sizeof(text), "%s: opened anew", live->config.path);
	live->config.remark(live->config.context, text);
}

/* Until something is to be done; true: the store is being closed. */
static bool wait_for_work(struct live_store *live, int64_t until_ns)
{
	struct timespec until = {.tv_sec = until_ns / SECOND_NS, .tv_nsec = until_ns % SECOND_NS};
	bool closing;

	pthread_mutex_lock(&live->mutex);
	while (!live->closing && !live->reopen &&
	       pthread_cond_timedwait(&live->wake, &live->mutex, &until) == 0)
		if (backlog_rows(live->backlog) >= live->config.batch_rows)
			break;
	closing = live->closing;
	pthread_mutex_unlock(&live->mutex);
	return closing;
}

static void finish(struct live_store *live)
{
	live->left = !live->file.store;
	take(live);
	if (live->config.turn)
		live->config.turn(live->config.context);
	while (!live->left && !commit_all(live, true)) {
		struct timespec wait = {.tv_nsec = RETRY_NS / 5};

		live->left = gives_up(live);
		nanosleep(&wait, NULL);
	}
}

static void *run(void *context)
{
	struct live_store *live = context;
	int64_t next_ns = monotonic_ns() + COMMIT_NS;

	while (!wait_for_work(live, next_ns)) {
		bool wanted, ok = true;

		take(live);
		pthread_mutex_lock(&live->mutex);
		wanted = live->reopen;
		pthread_mutex_unlock(&live->mutex);
		if (live->config.turn)
			live->config.turn(live->config.context);
		live_opens_ask(live->opens);
		if (wanted)
			reopen(live);
		else if (anything_new(live))
			ok = commit_all(live, false);
		next_ns = monotonic_ns() + (ok ? COMMIT_NS : RETRY_NS);
		if (!ok)
			live_opens_locked(live->opens);
		if (!live->file.store)
			break;
	}
	finish(live);
	return NULL;
}

static void release(struct live_store *live)
{
	live_opens_free(live->opens);
	drop_written(live, NULL);
	backlog_free(live->backlog);
	pthread_mutex_destroy(&live->mutex);
	pthread_cond_destroy(&live->wake);
	free(live);
}

struct live_store *live_store_open(const struct live_store_config *config, struct error *err)
{
	struct live_store *live = calloc(1, sizeof(*live));
	pthread_condattr_t monotonic;

	if (!live) {
		error_set(err, "out of memory");
		return NULL;
	}
	live->config = *config;
	live->retention = (struct retention){.keep_ns = config->keep_ns,
					     .keep_bytes = config->keep_bytes};
	live->file.lock = -1;
	pthread_mutex_init(&live->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&live->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	live->backlog = backlog_new(config->backlog_bytes);
	live->opens = live_opens_new(config->worker_count, err);
	if (!live->backlog) {
		error_set(err, "out of memory");
	} else if (live->opens && live_file_open(&live->file, config, err)) {
		if (begin_recording(live, err) && thread_start(&live->thread, run, live))
			return live;
		store_name_error(live->file.store, true, err);
		if (err->text[0] == '\0')
			error_set(err, "no thread for the database");
		live_file_close(&live->file);
	}
	release(live);
	return NULL;
}

bool live_store_put(struct live_store *live, const struct verdict *verdict, int64_t by_ns)
{
	bool there = backlog_put(live->backlog, verdict, by_ns);

	if (backlog_rows(live->backlog) == live->config.batch_rows)
		pthread_cond_signal(&live->wake);
	return there;
}

void live_store_count(struct live_store *live, const struct live_counts *counts)
{
	pthread_mutex_lock(&live->mutex);
	live->counted = live->counted || memcmp(&live->counts, counts, sizeof(*counts)) != 0;
	memcpy(&live->counts, counts, sizeof(*counts)); /* with its gaps: compared as bytes */
	pthread_mutex_unlock(&live->mutex);
}

void live_store_status(struct live_store *live, struct live_store_status *status)
{
	pthread_mutex_lock(&live->mutex);
	*status = live->status;
	pthread_mutex_unlock(&live->mutex);
	status->backlog = backlog_rows(live->backlog);
	status->rows_lost = backlog_lost(live->backlog);
}

bool live_store_wants_open(struct live_store *live, size_t worker)
{
	return live_opens_wanted(live->opens, worker);
}

void live_store_put_open(struct live_store *live, size_t worker, struct live_open *rows,
			 size_t count, int64_t as_of_ns, int64_t cost_ns)
{
	live_opens_put(live->opens, worker, rows, count, as_of_ns, cost_ns);
}

void live_store_reopen(struct live_store *live)
{
	pthread_mutex_lock(&live->mutex);
	if (!live->reopen)
		memcpy(&live->at_reopen, &live->counts, sizeof(live->counts));
	live->reopen = true;
	pthread_cond_signal(&live->wake);
	pthread_mutex_unlock(&live->mutex);
}

bool live_store_close(struct live_store *live, int64_t patience_ns, struct live_store_status *last,
		      struct error *err)
{
	bool ok;

	pthread_mutex_lock(&live->mutex);
	live->closing = true;
	live->give_up_ns = monotonic_ns() + patience_ns;
	pthread_cond_signal(&live->wake);
	pthread_mutex_unlock(&live->mutex);
	pthread_join(live->thread, NULL);
	ok = !live->left;
	if (!ok)
		error_set(err, "%s; %zu rows were not stored", live->trouble.text,
			  backlog_rows(live->backlog));
	live_store_status(live, last);
	live_file_close(&live->file);
	release(live);
	return ok;
}
