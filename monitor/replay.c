#include "monitor/replay.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/status.h"
#include "source/feed.h"

#define SECOND_NS INT64_C(1000000000)
/* Boot time of the first packet: any, but 0 means none. */
#define BOOT_NS (100 * SECOND_NS)

static const char prefix[] = "file:";

enum { EVENTS_MAX = 8, FULL_WAIT_US = 200, WORDS_MAX = 1024, PUBLISH_EVERY = 64 };

struct replay_event {
	uint64_t packet; /* before it */
	int64_t by_ns;
	bool suspend; /* else a step */
};

struct replay {
	char words[WORDS_MAX]; /* the description, cut up */
	const char *path;
	uint64_t loops;
	struct replay_event event[EVENTS_MAX];
	size_t events;
};

bool replay_named(const char *interface)
{
	return strncmp(interface, prefix, strlen(prefix)) == 0;
}

static bool add_event(struct replay *r, const char *value, bool suspend)
{
	struct replay_event *e = &r->event[r->events];
	char *end;

	if (r->events == EVENTS_MAX)
		return false;
	e->by_ns = strtoll(value, &end, 10) * SECOND_NS;
	e->suspend = suspend;
	if (*end != '@')
		return false;
	e->packet = strtoull(end + 1, &end, 10);
	r->events++;
	return *end == '\0';
}

static bool parse_word(struct replay *r, const char *word)
{
	char *end;

	if (strncmp(word, "step=", 5) == 0)
		return add_event(r, word + 5, false);
	if (strncmp(word, "suspend=", 8) == 0)
		return add_event(r, word + 8, true);
	if (strncmp(word, "loops=", 6) != 0)
		return false;
	r->loops = strtoull(word + 6, &end, 10);
	return *end == '\0' && r->loops > 0;
}

static bool parse(const char *interface, struct replay *r, struct error *err)
{
	char *rest;

	*r = (struct replay){.loops = 1};
	if (strlen(interface) >= sizeof(r->words))
		return error_set(err, "'%.40s...' is too long", interface);
	memcpy(r->words, interface, strlen(interface));
	r->path = strtok_r(r->words + strlen(prefix), ",", &rest);
	if (!r->path)
		return error_set(err, "'%s' names no file", interface);
	for (char *word = strtok_r(NULL, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		if (!parse_word(r, word))
			return error_set(err, "'%s': '%s' is not understood", interface, word);
	return true;
}

static struct feed *open_feed(const struct replay *r, struct error *err)
{
	struct feed_config config = {.paths = &r->path, .path_count = 1};
	struct feed *feed = feed_open(&config, err);

	if (feed && !feed_file(feed, 0)->opened) {
		error_set(err, "%s", feed_file(feed, 0)->problem);
		feed_close(feed);
		return NULL;
	}
	return feed;
}

bool replay_start(const char *interface, struct clock_pair *start, struct error *err)
{
	struct packet packet = {0};
	enum feed_result result;
	struct replay r;
	struct feed *feed;

	if (!parse(interface, &r, err))
		return false;
	feed = open_feed(&r, err);
	if (!feed)
		return false;
	result = feed_next(feed, &packet, err);
	if (result == FEED_END)
		error_set(err, "%s: has no packet", r.path);
	*start = (struct clock_pair){.real_ns = packet.ts_ns, .boot_ns = BOOT_NS};
	feed_close(feed);
	return result == FEED_PACKET;
}

/* The world of a replay: what its two clocks show, and what they were set by. */
struct world {
	struct clock_axis axis;
	int64_t first_ns;   /* of the file */
	int64_t loop_ns;    /* what earlier loops took */
	int64_t suspend_ns; /* spent so far */
	int64_t step_ns;    /* set by so far */
	uint64_t packets;
};

static void pass_events(const struct replay *r, struct world *w)
{
	for (size_t i = 0; i < r->events; i++) {
		if (r->event[i].packet != w->packets + 1)
			continue;
		if (r->event[i].suspend)
			w->suspend_ns += r->event[i].by_ns;
		else
			w->step_ns += r->event[i].by_ns;
	}
}

static void put(const struct replay *r, struct world *w, struct ring *ring,
		const struct packet *packet, const volatile bool *stop)
{
	struct ring_board *board = ring_board(ring);
	struct ring_packet out = {
		.caplen = packet->caplen, .wirelen = packet->wirelen, .linktype = packet->linktype};
	int64_t passed_ns;
	struct clock_pair now;

	pass_events(r, w);
	passed_ns = packet->ts_ns - w->first_ns + w->loop_ns + w->suspend_ns;
	now = (struct clock_pair){.boot_ns = BOOT_NS + passed_ns,
				  .real_ns = w->first_ns + passed_ns + w->step_ns};
	clock_look(&w->axis, now);
	out.ts_ns = clock_packet(&w->axis, now.real_ns, now);
	while (!ring_put(ring, &out, packet->data) && !*stop) {
		ring_publish(ring);
		usleep(FULL_WAIT_US);
	}
	atomic_store(&board->real_ns, now.real_ns);
	atomic_store(&board->boot_ns, now.boot_ns);
	atomic_fetch_add_explicit(&board->packets, 1, memory_order_relaxed);
	if (++w->packets % PUBLISH_EVERY == 0)
		ring_publish(ring);
}

static bool replay_once(const struct replay *r, struct world *w, struct ring *ring,
			const volatile bool *stop, struct error *err)
{
	struct feed *feed = open_feed(r, err);
	int64_t last_ns = w->first_ns;
	enum feed_result result = FEED_END;
	struct packet packet;

	if (!feed)
		return false;
	while (!*stop && (result = feed_next(feed, &packet, err)) == FEED_PACKET) {
		put(r, w, ring, &packet, stop);
		if (packet.ts_ns > last_ns)
			last_ns = packet.ts_ns;
	}
	ring_publish(ring);
	w->loop_ns += last_ns - w->first_ns + SECOND_NS;
	feed_close(feed);
	return result != FEED_FAILED;
}

enum capture_end replay_run(const struct capture_setup *setup, const volatile bool *stop)
{
	struct world w = {.axis = setup->axis};
	struct clock_pair start = {0};
	struct error err = {""};
	struct replay r;
	bool ok = parse(setup->config->interface[setup->index], &r, &err) &&
		  replay_start(setup->config->interface[setup->index], &start, &err);

	w.first_ns = start.real_ns;
	if (ok)
		status_say(setup->status, STATUS_CAPTURE_READY, r.path);
	for (uint64_t i = 0; ok && i < r.loops && !*stop; i++)
		ok = replay_once(&r, &w, setup->ring, stop, &err);
	if (!ok)
		status_say(setup->status, STATUS_FAILURE, err.text);
	return ok ? CAPTURE_STOPPED : CAPTURE_FAILED;
}
