#include "monitor/worker.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/flow_table.h"
#include "base/siphash.h"
#include "base/thread.h"
#include "monitor/open_rows.h"
#include "monitor/ring.h"
#include "monitor/stuck.h"
#include "streams/dpi.h"

enum message { MESSAGE_SEGMENT, MESSAGE_ICMP, MESSAGE_TICK, MESSAGE_LOSS, MESSAGE_FINISH };

enum { QUEUE_BYTES = 16 * 1024 * 1024, BATCH = 64, FULL_WAIT_US = 50 };

struct loss_message {
	int64_t from_ns, to_ns;
	uint64_t packets;
};

struct worker {
	struct worker_config config;
	struct engine *engine;
	struct dpi *dpi;
	struct stuck *stuck;   /* the engine's side's */
	pthread_mutex_t mutex; /* guards the gauges */
	struct worker_gauges gauges;
	/* with a thread of its own */
	struct ring *queue;
	int wake;
	pthread_t thread;
	bool running;
	unsigned unpublished;
	_Atomic bool failed;
	struct error failure; /* valid where failed */
};

/* Work done, without waiting for a processor. */
static int64_t worked_ns(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the engine's side ---- */

static bool take_verdict(void *context, const struct verdict *verdict, struct error *err)
{
	struct worker *w = context;
	int64_t by_ns = atomic_load_explicit(w->config.correction_ns, memory_order_relaxed);
	uint64_t told = stuck_over(w->stuck, verdict);
	struct verdict noted;

	(void)err;
	if (told != 0) {
		noted = *verdict;
		noted.told = told;
		verdict = &noted;
	}
	live_store_put(w->config.store, verdict, by_ns);
	return true;
}

struct look {
	struct worker *worker;
	struct open_rows rows;
};

/* What is stuck is told now, once: its end may be days away. */
static bool take_open(void *context, const struct verdict *verdict, struct error *err)
{
	struct look *look = context;
	struct worker *w = look->worker;
	struct finding found[STUCK_FINDINGS];
	struct verdict open;

	if (stuck_look(w->stuck, verdict, &open, found) &&
	    live_store_put(w->config.store, &open, look->rows.by_ns))
		stuck_told(w->stuck, &open);
	return open_rows_add(&look->rows, verdict, err);
}

/* Says which connections are open. */
static bool look_at_open(struct worker *w, int64_t now_ns, struct error *err)
{
	int64_t by_ns = atomic_load_explicit(w->config.correction_ns, memory_order_relaxed);
	int64_t started_ns = worked_ns();
	struct look look = {.worker = w, .rows = {.by_ns = by_ns}};
	struct engine_sink visit = {.verdict = take_open, .context = &look};
	const struct open_rows *rows = &look.rows;

	if (!engine_open(w->engine, visit, err)) {
		free(rows->row);
		return false;
	}
	pthread_mutex_lock(&w->mutex);
	w->gauges.open = rows->seen;
	memcpy(w->gauges.open_by_state, rows->by_state, sizeof(rows->by_state));
	pthread_mutex_unlock(&w->mutex);
	live_store_put_open(w->config.store, w->config.index, rows->row, rows->count,
			    now_ns + by_ns, worked_ns() - started_ns);
	return true;
}

static bool tick(struct worker *w, int64_t now_ns, struct error *err)
{
	if (!engine_tick(w->engine, now_ns, err))
		return false;
	if (live_store_wants_open(w->config.store, w->config.index) &&
	    !look_at_open(w, now_ns, err))
		return false;
	pthread_mutex_lock(&w->mutex);
	w->gauges.counts = *engine_counts(w->engine);
	w->gauges.flows = engine_flows(w->engine);
	w->gauges.memory = engine_memory(w->engine);
	pthread_mutex_unlock(&w->mutex);
	return true;
}

static bool finish(struct worker *w, int64_t latest_ns, struct error *err)
{
	if (latest_ns != INT64_MIN && !engine_time(w->engine, latest_ns, true, err))
		return false;
	if (!engine_finish(w->engine, err))
		return false;
	pthread_mutex_lock(&w->mutex);
	w->gauges.counts = *engine_counts(w->engine);
	w->gauges.flows = 0;
	w->gauges.memory = engine_memory(w->engine);
	pthread_mutex_unlock(&w->mutex);
	return true;
}

/* ---- the queue ---- */

static bool take_segment(struct worker *w, const uint8_t *data, struct error *err)
{
	struct segment segment;
	const uint8_t *behind = data + sizeof(segment);

	memcpy(&segment, data, sizeof(segment));
	if (segment.fragment_count > 0) {
		segment.fragments = (const void *)behind;
		behind += segment.fragment_count * sizeof(*segment.fragments);
	}
	if (segment.payload)
		segment.payload = behind;
	return engine_time(w->engine, segment.ts_ns, segment.ts_confirmed, err) &&
	       engine_segment(w->engine, &segment, err);
}

static bool take_message(struct worker *w, const struct ring_packet *message, const uint8_t *data,
			 struct error *err)
{
	struct icmp_error icmp;
	struct loss_message loss;

	switch ((enum message)message->kind) {
	case MESSAGE_SEGMENT:
		return take_segment(w, data, err);
	case MESSAGE_ICMP:
		memcpy(&icmp, data, sizeof(icmp));
		return engine_time(w->engine, icmp.ts_ns, icmp.ts_confirmed, err) &&
		       engine_icmp(w->engine, &icmp, err);
	case MESSAGE_TICK:
		return tick(w, message->ts_ns, err);
	case MESSAGE_LOSS:
		memcpy(&loss, data, sizeof(loss));
		engine_loss(w->engine, loss.from_ns, loss.to_ns, loss.packets);
		return true;
	case MESSAGE_FINISH:
		break;
	}
	return finish(w, message->ts_ns, err);
}

static void wait_for_messages(struct worker *w)
{
	struct pollfd wait = {.fd = w->wake, .events = POLLIN};
	uint64_t count;

	if (!ring_sleep(w->queue))
		return;
	if (poll(&wait, 1, -1) > 0)
		while (read(w->wake, &count, sizeof(count)) < 0)
			break;
	ring_awake(w->queue);
}

static void *run(void *context)
{
	struct worker *w = context;
	bool over = false;

	while (!over) {
		struct ring_packet message;
		const uint8_t *data;

		if (!ring_peek(w->queue, &message, &data)) {
			wait_for_messages(w);
			continue;
		}
		over = message.kind == MESSAGE_FINISH;
		if (!atomic_load(&w->failed) && !take_message(w, &message, data, &w->failure))
			atomic_store(&w->failed, true);
		ring_take(w->queue);
	}
	return NULL;
}

static bool check(struct worker *w, struct error *err)
{
	return !atomic_load_explicit(&w->failed, memory_order_acquire) ||
	       error_set(err, "%s", w->failure.text);
}

/* Waits where the queue is full: the interfaces' rings hold what comes meanwhile. */
static bool send(struct worker *w, enum message kind, int64_t ts_ns, const void *data, size_t size,
		 bool now, struct error *err)
{
	struct ring_packet message = {
		.kind = (uint32_t)kind, .ts_ns = ts_ns, .caplen = (uint32_t)size};

	while (!ring_put(w->queue, &message, data)) {
		ring_publish(w->queue);
		usleep(FULL_WAIT_US);
		if (!check(w, err))
			return false;
	}
	if (now || ++w->unpublished >= BATCH) {
		ring_publish(w->queue);
		w->unpublished = 0;
	}
	return check(w, err);
}

/* The segment with all it borrows, one behind the other. */
static bool send_segment(struct worker *w, const struct segment *s, struct error *err)
{
	uint8_t room[sizeof(*s) + 64 * sizeof(*s->fragments) + 65536];
	bool whole = w->dpi != NULL; /* who else looks at payload? */
	struct segment copy = *s;
	size_t size = sizeof(*s);

	if (copy.fragment_count > 64)
		copy.fragment_count = 64;
	if (!whole || copy.payload_captured > 65536)
		copy.payload_captured = 0;
	if (copy.payload_captured == 0)
		copy.payload = NULL;
	memcpy(room, &copy, sizeof(copy));
	if (copy.fragment_count > 0)
		memcpy(room + size, s->fragments, copy.fragment_count * sizeof(*s->fragments));
	size += copy.fragment_count * sizeof(*s->fragments);
	if (copy.payload_captured > 0)
		memcpy(room + size, s->payload, copy.payload_captured);
	size += copy.payload_captured;
	return send(w, MESSAGE_SEGMENT, s->ts_ns, room, size, false, err);
}

/* ---- what the dispatcher calls ---- */

bool worker_time(struct worker *w, int64_t ts_ns, struct error *err)
{
	return engine_time(w->engine, ts_ns, true, err);
}

bool worker_take(struct worker *w, const struct decoded *d, struct error *err)
{
	if (d->reason == DECODED_SEGMENT)
		return w->queue ? send_segment(w, &d->segment, err)
				: engine_segment(w->engine, &d->segment, err);
	if (d->reason != DECODED_ICMP_ERROR)
		return true;
	return w->queue
		       ? send(w, MESSAGE_ICMP, d->icmp.ts_ns, &d->icmp, sizeof(d->icmp), false, err)
		       : engine_icmp(w->engine, &d->icmp, err);
}

bool worker_tick(struct worker *w, int64_t now_ns, struct error *err)
{
	return w->queue ? send(w, MESSAGE_TICK, now_ns, NULL, 0, true, err) : tick(w, now_ns, err);
}

bool worker_loss(struct worker *w, int64_t from_ns, int64_t to_ns, uint64_t packets,
		 struct error *err)
{
	struct loss_message loss = {.from_ns = from_ns, .to_ns = to_ns, .packets = packets};

	if (w->queue)
		return send(w, MESSAGE_LOSS, to_ns, &loss, sizeof(loss), false, err);
	engine_loss(w->engine, from_ns, to_ns, packets);
	return true;
}

static void join(struct worker *w, int64_t latest_ns)
{
	struct error err;

	if (!w->running)
		return;
	send(w, MESSAGE_FINISH, latest_ns, NULL, 0, true, &err);
	pthread_join(w->thread, NULL);
	w->running = false;
}

bool worker_finish(struct worker *w, int64_t latest_ns, struct error *err)
{
	if (!w->queue)
		return finish(w, latest_ns, err);
	join(w, latest_ns);
	return check(w, err);
}

void worker_gauges(struct worker *w, struct worker_gauges *gauges)
{
	pthread_mutex_lock(&w->mutex);
	*gauges = w->gauges;
	pthread_mutex_unlock(&w->mutex);
}

static bool start(struct worker *w, struct error *err)
{
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake < 0)
		return error_set(err, "no eventfd for a worker");
	w->queue = ring_new(QUEUE_BYTES, w->wake, err);
	if (!w->queue)
		return false;
	w->running = thread_start(&w->thread, run, w);
	return w->running || error_set(err, "no thread for a worker");
}

static bool add_dpi(struct worker *w, struct error *err)
{
	struct dpi_config config = dpi_defaults();
	struct consumer consumer;

	memcpy(config.hash_key, w->config.monitor->engine.hash_key, sizeof(config.hash_key));
	w->dpi = dpi_new(&config, err);
	if (!w->dpi)
		return false;
	consumer = dpi_consumer(w->dpi);
	engine_consume(w->engine, &consumer);
	return true;
}

struct worker *worker_new(const struct worker_config *config, struct error *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct engine_config engine = config->monitor->engine;

	if (!w) {
		error_set(err, "out of memory");
		return NULL;
	}
	w->config = *config;
	w->wake = -1;
	pthread_mutex_init(&w->mutex, NULL);
	engine.numbers = config->numbers;
	engine.max_memory /= config->monitor->workers;
	engine.max_flows /= config->monitor->workers;
	w->stuck = stuck_new(engine.hash_key, err);
	if (w->stuck)
		w->engine = engine_new(
			&engine, (struct engine_sink){.verdict = take_verdict, .context = w}, err);
	if (w->engine && (!config->monitor->dpi || add_dpi(w, err)) &&
	    (!config->threaded || start(w, err)))
		return w;
	worker_free(w);
	return NULL;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	join(w, INT64_MIN);
	engine_free(w->engine);
	stuck_free(w->stuck);
	dpi_free(w->dpi);
	ring_free(w->queue);
	if (w->wake >= 0)
		close(w->wake);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

size_t worker_for(const struct decoded *d, const uint8_t hash_key[16], size_t count)
{
	struct {
		struct flow_key key;
		struct tunnel tunnel;
	} tuple;
	enum way way;

	if (count == 1)
		return 0;
	memset(&tuple, 0, sizeof(tuple));
	if (d->reason == DECODED_SEGMENT) {
		const struct segment *s = &d->segment;

		tuple.key = flow_key_of(&s->src, s->sport, &s->dst, s->dport, s->ip_version, &way);
		tuple.tunnel = s->tunnel;
	} else {
		const struct icmp_error *i = &d->icmp;

		tuple.key = flow_key_of(&i->src, i->sport, &i->dst, i->dport, i->ip_version, &way);
		tuple.tunnel = i->tunnel;
	}
	return siphash(hash_key, &tuple, sizeof(tuple)) % count;
}
