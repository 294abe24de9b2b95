#include "monitor/capture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor/replay.h"
#include "monitor/rights.h"
#include "monitor/status.h"
#include "source/live.h"

#define MS_NS    INT64_C(1000000)
#define DROPS_NS (1000 * MS_NS)
/* A stamp this far from now says that the clock was set since it was looked at. */
#define AHEAD_NS (100 * MS_NS)
#define BACK_NS  (10000 * MS_NS)

enum { PACKETS_A_LOOK = 256, QUIET_LOOKS = 3 };

struct capture_process {
	struct ring *ring;
	struct ring_board *board;
	struct clock_axis axis;
	struct clock_pair now;
	struct live_drops seen; /* of this handle, counted already */
	int64_t drops_next_ns;
};

static void look_at_clock(struct capture_process *p)
{
	p->now = clock_read();
	clock_look(&p->axis, p->now);
}

static void take(void *context, const struct packet *packet)
{
	struct capture_process *p = context;
	int64_t apart_ns = packet->ts_ns - p->now.real_ns;
	struct ring_packet out = {
		.caplen = packet->caplen,
		.wirelen = packet->wirelen,
		.linktype = packet->linktype,
	};

	if (apart_ns > AHEAD_NS || apart_ns < -BACK_NS)
		look_at_clock(p);
	out.ts_ns = clock_packet(&p->axis, packet->ts_ns, p->now);
	if (!ring_put(p->ring, &out, packet->data)) {
		atomic_fetch_add_explicit(&p->board->lost[RING_LOSS_OWN], 1, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&p->board->packets, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->board->bytes, packet->wirelen, memory_order_relaxed);
}

static void count_drops(struct capture_process *p, struct live *live)
{
	struct live_drops drops;

	if (!live_drops(live, &drops))
		return;
	/* libpcap's own counts have 32 bits */
	atomic_fetch_add(&p->board->lost[RING_LOSS_KERNEL],
			 (uint32_t)(drops.kernel - p->seen.kernel));
	atomic_fetch_add(&p->board->lost[RING_LOSS_INTERFACE],
			 (uint32_t)(drops.interface - p->seen.interface));
	p->seen = drops;
}

/* Between the end of the process before this one and now nobody looked. */
static void note_gap(struct capture_process *p)
{
	int64_t from_ns = atomic_load(&p->board->watched_ns);

	look_at_clock(p);
	if (from_ns == 0)
		return;
	atomic_store(&p->board->gap_from_ns, from_ns);
	atomic_store(&p->board->gap_to_ns, clock_steady(&p->axis, p->now));
	atomic_fetch_add(&p->board->gaps, 1);
}

/* Until it is to stop and nothing more is there. */
static enum live_result read_on(struct capture_process *p, struct live *live,
				const volatile bool *stop, struct error *err)
{
	int quiet = 0;

	while (!*stop || quiet < QUIET_LOOKS) {
		enum live_result result;
		size_t taken;

		look_at_clock(p);
		atomic_store_explicit(&p->board->watched_ns, clock_steady(&p->axis, p->now),
				      memory_order_relaxed);
		result = live_read(live, PACKETS_A_LOOK, take, p, &taken, err);
		ring_publish(p->ring);
		if (result != LIVE_MORE)
			return result;
		quiet = *stop && taken == 0 ? quiet + 1 : 0;
		if (p->now.boot_ns >= p->drops_next_ns) {
			count_drops(p, live);
			p->drops_next_ns = p->now.boot_ns + DROPS_NS;
		}
	}
	return LIVE_MORE;
}

static struct live_config live_of(const struct monitor_config *config, size_t index)
{
	return (struct live_config){
		.interface = config->interface[index],
		.filter = config->filter,
		.buffer = config->buffer,
		.snaplen = config->snaplen,
		.promiscuous = config->promiscuous,
	};
}

static enum capture_end capture_interface(const struct capture_setup *setup,
					  const volatile bool *stop)
{
	struct live_config config = live_of(setup->config, setup->index);
	struct capture_process p = {
		.ring = setup->ring, .board = ring_board(setup->ring), .axis = setup->axis};
	struct error err = {""};
	enum live_result result;
	bool missing;
	struct live *live = live_open(&config, &missing, &err);

	if (!live) {
		status_say(setup->status, STATUS_FAILURE, err.text);
		return missing ? CAPTURE_GONE : CAPTURE_FAILED;
	}
	atomic_store(&p.board->linktype, live_linktype(live));
	if (!rights_capture(setup->config, config.interface, &err)) {
		status_say(setup->status, STATUS_FAILURE, err.text);
		live_close(live);
		return CAPTURE_FAILED;
	}
	status_say(setup->status, STATUS_CAPTURE_READY, setup->config->interface[setup->index]);
	note_gap(&p);
	result = read_on(&p, live, stop, &err);
	if (result == LIVE_GONE) /* there is nothing to watch until it is back */
		atomic_store(&p.board->watched_ns, 0);
	count_drops(&p, live);
	live_close(live);
	if (result == LIVE_FAILED)
		status_say(setup->status, STATUS_FAILURE, err.text);
	return result == LIVE_MORE   ? CAPTURE_STOPPED
	       : result == LIVE_GONE ? CAPTURE_GONE
				     : CAPTURE_FAILED;
}

enum capture_end capture_run(const struct capture_setup *setup, const volatile bool *stop)
{
	enum capture_end end;

	atomic_store(&ring_board(setup->ring)->ended, 0);
	if (replay_named(setup->config->interface[setup->index]))
		end = replay_run(setup, stop);
	else
		end = capture_interface(setup, stop);
	if (end == CAPTURE_STOPPED)
		atomic_store_explicit(&ring_board(setup->ring)->ended, 1, memory_order_release);
	return end;
}
