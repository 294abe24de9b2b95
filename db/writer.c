#include "db/writer.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "db/verdict_copy.h"

/* A batch holds some hundred verdicts, and the largest one there can be. */
enum { BATCHES = 4, BATCH_BYTES = 256 * 1024 };

struct batch {
	alignas(max_align_t) uint8_t bytes[BATCH_BYTES];
	size_t used;
};

/* Before each verdict or connection in a batch. */
struct item {
	alignas(max_align_t) uint32_t size; /* with this, up to the next */
	bool closed;                        /* a struct closed; else a verdict_copy() */
};

struct writer {
	writer_write *write;
	void *context;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows up to the batches */
	pthread_cond_t more, less;
	unsigned waiting; /* batches handed over, the one being written included */
	bool closing;     /* nothing more comes */
	bool abandoned;   /* nothing more is wanted */
	bool failed;
	struct error failure;
	struct closed_bench bench;  /* the writer's */
	struct batch *batch;        /* a ring of BATCHES; each belongs to one thread at a time */
	unsigned filling, draining; /* the engine's and the writer's place in it */
};

static bool write_item(struct writer *w, const struct item *item, struct error *err)
{
	const void *behind = item + 1;
	struct verdict judged;

	if (!item->closed)
		return w->write(w->context, behind, err);
	closed_judge(behind, &w->bench, &judged);
	return w->write(w->context, &judged, err);
}

static bool write_batch(struct writer *w, const struct batch *b, struct error *err)
{
	for (size_t at = 0; at < b->used;) {
		const struct item *item = (const void *)(b->bytes + at);

		if (!write_item(w, item, err))
			return false;
		at += item->size;
	}
	return true;
}

/* Waits for a batch; false: there will be none. */
static bool next_batch(struct writer *w)
{
	while (w->waiting == 0 && !w->closing && !w->abandoned)
		pthread_cond_wait(&w->more, &w->mutex);
	return w->waiting > 0 && !w->abandoned;
}

static void *run(void *context)
{
	struct writer *w = context;

	pthread_mutex_lock(&w->mutex);
	while (next_batch(w)) {
		struct batch *b = &w->batch[w->draining++ % BATCHES];
		struct error err = {""};
		bool ok = !w->failed;

		pthread_mutex_unlock(&w->mutex);
		ok = ok && write_batch(w, b, &err);
		b->used = 0;
		pthread_mutex_lock(&w->mutex);
		if (!ok && !w->failed) {
			w->failed = true;
			w->failure = err;
		}
		w->waiting--;
		pthread_cond_signal(&w->less);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void release(struct writer *w)
{
	pthread_mutex_destroy(&w->mutex);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->less);
	free(w->batch);
	free(w);
}

struct writer *writer_start(writer_write *write, void *context, struct error *err)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (w)
		w->batch = malloc(BATCHES * sizeof(*w->batch));
	if (!w || !w->batch) {
		free(w);
		error_set(err, "out of memory");
		return NULL;
	}
	for (int i = 0; i < BATCHES; i++)
		w->batch[i].used = 0;
	w->write = write;
	w->context = context;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->less, NULL);
	if (thread_start(&w->thread, run, w))
		return w;
	release(w);
	error_set(err, "no thread for the database");
	return NULL;
}

/* The batch is handed over; the next one is there when the writer has done with it. */
static bool hand_over(struct writer *w, struct error *err)
{
	bool ok;

	pthread_mutex_lock(&w->mutex);
	w->waiting++;
	pthread_cond_signal(&w->more);
	while (w->waiting == BATCHES)
		pthread_cond_wait(&w->less, &w->mutex);
	ok = !w->failed || error_set(err, "%s", w->failure.text);
	pthread_mutex_unlock(&w->mutex);
	w->filling++;
	return ok;
}

/* Room for an item of so many bytes; NULL with err where an earlier one could not be written. */
static void *place(struct writer *w, size_t size, bool closed, struct error *err)
{
	size_t all = sizeof(struct item) + (size + alignof(max_align_t) - 1) /
						   alignof(max_align_t) * alignof(max_align_t);
	struct item *item;
	struct batch *b;

	if (w->batch[w->filling % BATCHES].used + all > BATCH_BYTES && !hand_over(w, err))
		return NULL;
	b = &w->batch[w->filling % BATCHES];
	item = (void *)(b->bytes + b->used);
	item->size = (uint32_t)all;
	item->closed = closed;
	b->used += all;
	return item + 1;
}

bool writer_put(struct writer *w, const struct verdict *v, struct error *err)
{
	size_t size = verdict_copy_size(v);
	void *at;

	if (size > BATCH_BYTES - sizeof(struct item))
		return error_set(err, "a verdict of %zu bytes is too large to store", size);
	at = place(w, size, false, err);
	if (at)
		verdict_copy(at, v);
	return at != NULL;
}

bool writer_put_closed(struct writer *w, const struct closed *closed, struct error *err)
{
	size_t size = closed_size(closed);
	void *at = place(w, size, true, err);

	if (at)
		memcpy(at, closed, size);
	return at != NULL;
}

static void stop(struct writer *w, bool abandon)
{
	pthread_mutex_lock(&w->mutex);
	w->closing = true;
	w->abandoned = abandon;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
}

bool writer_finish(struct writer *w, struct error *err)
{
	bool ok = hand_over(w, err);

	stop(w, false);
	if (ok && w->failed)
		ok = error_set(err, "%s", w->failure.text);
	release(w);
	return ok;
}

void writer_abandon(struct writer *w)
{
	if (!w)
		return;
	stop(w, true);
	release(w);
}
