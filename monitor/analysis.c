#include "monitor/analysis.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/live.h"
#include "monitor/alert.h"
#include "monitor/merge.h"
#include "monitor/replay.h"
#include "monitor/rights.h"
#include "monitor/snapshot.h"
#include "monitor/status.h"
#include "monitor/tally.h"
#include "monitor/worker.h"
#include "parsers/decode.h"

#define MS_NS   INT64_C(1000000)
#define TICK_NS (100 * MS_NS)
#define CLOSE_NS \
	(10 * INT64_C(1000000000)) /* how long a locked database is waited for at the end */

enum { PACKETS_A_LOOK = 256, WAIT_MS = 100, COUNTS_EVERY = 2 };
/* Rows that wait while a file goes on being replayed. */
enum { REPLAY_ROWS = 40000 };

struct analysis {
	const struct analysis_setup *setup;
	const struct monitor_config *config;
	struct board *board;
	struct merge merge;
	struct decoder *decoder;
	struct worker *worker[MONITOR_WORKERS];
	size_t workers;
	struct live_store *store;
	struct tally *tally;   /* the store's thread's */
	struct alerts *alerts; /* the same */
	struct clock_axis axis;
	_Atomic int64_t correction_ns;
	_Atomic uint64_t numbers;
	struct live_counts counts;
	struct snapshot base; /* what the board counted before this process */
	uint64_t base_steps;  /* clock steps that are in it */
	uint64_t lost_before[MONITOR_INTERFACES][RING_LOSSES];
	uint64_t lost_seen[MONITOR_INTERFACES][RING_LOSSES];
	uint64_t gaps_seen[MONITOR_INTERFACES];
	int64_t latest_ns, looked_ns; /* steady */
	int64_t tick_next_ns;
	bool anew[MONITOR_INTERFACES]; /* the next packet is a recording's first */
	unsigned ticks;
	bool replaying; /* no interface among them */
	bool holding;   /* the replay waits for the store */
	bool finishing;
};

/* ---- in the store's thread ---- */

/* A file that is replayed brings a clock of its own. */
static struct clock_pair clocks(const struct analysis *a)
{
	const struct ring_board *b = ring_board(a->setup->rings[0]);
	struct clock_pair now = {.real_ns = atomic_load(&b->real_ns),
				 .boot_ns = atomic_load(&b->boot_ns)};

	return now.boot_ns != 0 ? now : clock_read();
}

static void told(void *context, const struct verdict *verdict, int64_t connection_id)
{
	struct analysis *a = context;

	tally_take(a->tally, verdict, connection_id);
	alerts_take(a->alerts, verdict);
}

static void turn(void *context)
{
	struct analysis *a = context;

	tally_servers(a->tally);
	alerts_tick(a->alerts, clocks(a).real_ns);
}

static struct board_end end_of(uint8_t version, const struct ip_address *address, uint16_t port)
{
	return (struct board_end){.address = *address, .port = port, .ip_version = version};
}

/* An alert is told to who looks on, and kept. */
static void alerted(void *context, const struct alert *alert)
{
	struct analysis *a = context;
	const struct alert_example *example = &alert->example;
	bool began = alert->state == ALERT_BEGAN;
	struct board_event event = {
		.kind = BOARD_ALERT,
		.severity = began ? SEVERITY_ERROR : SEVERITY_INFO,
		.side = SIDE_NONE,
		.alert = (uint16_t)alert->index,
		.alert_state = (uint8_t)alert->state,
		.alert_matching = alert->matching,
		.alert_connections = alert->connections,
		.ts_ns = began ? alert->began_ns : alert->ended_ns,
		.initiator = end_of(example->ip_version, &example->initiator,
				    example->initiator_port),
		.responder = end_of(example->ip_version, &example->responder,
				    example->responder_port),
	};
	struct alert_row row = {
		.condition = alert->condition->text,
		.began_ns = alert->began_ns,
		.ended_ns = alert->ended_ns,
		.value = alert->value,
		.matching = alert->matching,
		.connections = alert->connections,
		.ip_version = example->ip_version,
		.initiator = example->initiator,
		.responder = example->responder,
		.initiator_port = example->initiator_port,
		.responder_port = example->responder_port,
	};

	alert_sentence(alert, event.detail);
	atomic_store(&a->board->alert_began_ns[alert->index], began ? alert->began_ns : 0);
	board_tell(a->board, &event);
	if (began)
		atomic_fetch_add(&a->board->alerts, 1);
	live_store_alert(a->store, &row);
}

static int64_t time_of_day(void *context)
{
	return clocks(context).real_ns;
}

static void remark(void *context, const char *text)
{
	const struct analysis *a = context;

	status_say(a->setup->status, STATUS_REMARK, text);
}

/* ---- time ---- */

static int64_t look_at_clock(struct analysis *a)
{
	struct clock_pair now = clocks(a);

	if (clock_look(&a->axis, now)) {
		a->counts.clock_steps = a->axis.steps - a->base_steps;
		atomic_store(&a->correction_ns, clock_correction(&a->axis));
		atomic_store(&a->board->clock_steps, a->base.clock_steps + a->counts.clock_steps);
	}
	return clock_steady(&a->axis, now);
}

/* ---- counts ---- */

static bool mark_loss(struct analysis *a, int64_t from_ns, int64_t to_ns, uint64_t packets,
		      struct error *err)
{
	for (size_t i = 0; i < a->workers; i++)
		if (!worker_loss(a->worker[i], from_ns, to_ns, packets, err))
			return false;
	return true;
}

/* An interface that was opened anew: what came meanwhile is lost, nobody knows how much. */
static bool look_at_gaps(struct analysis *a, struct error *err)
{
	for (size_t i = 0; i < a->config->interface_count; i++) {
		const struct ring_board *b = ring_board(a->setup->rings[i]);
		uint64_t gaps = atomic_load(&b->gaps);

		if (gaps == a->gaps_seen[i])
			continue;
		a->gaps_seen[i] = gaps;
		if (!mark_loss(a, atomic_load(&b->gap_from_ns), atomic_load(&b->gap_to_ns), 0, err))
			return false;
	}
	return true;
}

static bool look_at_losses(struct analysis *a, int64_t now_ns, struct error *err)
{
	/* the capture processes ask the kernel once a second */
	int64_t from_ns = now_ns - 1500 * MS_NS;
	uint64_t lost = 0;

	for (size_t i = 0; i < a->config->interface_count; i++) {
		const struct ring_board *b = ring_board(a->setup->rings[i]);

		for (int l = 0; l < RING_LOSSES; l++) {
			uint64_t total = atomic_load_explicit(&b->lost[l], memory_order_relaxed);

			lost += total - a->lost_seen[i][l];
			a->lost_seen[i][l] = total;
			a->counts.drops[i][l] = total - a->lost_before[i][l];
			atomic_store(&a->board->interfaces[i].drops[l], total);
		}
	}
	return (lost == 0 || mark_loss(a, from_ns, now_ns, lost, err)) && look_at_gaps(a, err);
}

static void sum_workers(struct analysis *a, struct worker_gauges *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < a->workers; i++) {
		struct worker_gauges g;
		struct engine_counts *c = &sum->counts;

		worker_gauges(a->worker[i], &g);
		c->segments += g.counts.segments;
		c->duplicates += g.counts.duplicates;
		c->connections += g.counts.connections;
		c->evicted += g.counts.evicted;
		c->evicted_unanswered += g.counts.evicted_unanswered;
		c->evicted_ended += g.counts.evicted_ended;
		c->evicted_alive += g.counts.evicted_alive;
		c->peak_connections += g.counts.peak_connections;
		c->peak_memory += g.counts.peak_memory;
		sum->memory += g.memory;
		sum->open += g.open;
		for (int s = 0; s < ENDPOINT_STATES; s++)
			sum->open_by_state[s] += g.open_by_state[s];
	}
}

static void show_store(struct analysis *a, const struct live_store_status *s)
{
	static const enum board_store_state states[] = {
		[LIVE_STORE_FINE] = BOARD_STORE_FINE,
		[LIVE_STORE_LOCKED] = BOARD_STORE_LOCKED,
		[LIVE_STORE_FULL] = BOARD_STORE_FULL,
		[LIVE_STORE_FAILED] = BOARD_STORE_FAILED,
	};
	struct board *b = a->board;

	atomic_store(&b->rows, a->base.rows + s->rows);
	atomic_store(&b->commits, a->base.commits + s->commits);
	atomic_store(&b->rows_lost, a->base.rows_lost + s->rows_lost);
	atomic_store(&b->rows_expired, a->base.rows_expired + s->rows_expired);
	atomic_store(&b->backlog, s->backlog);
	atomic_store(&b->database_bytes, (uint64_t)s->bytes);
	atomic_store(&b->last_commit_ns, s->last_commit_ns);
	atomic_store(&b->store_state, (uint32_t)states[s->state]);
	board_put_trouble(b, s->trouble);
}

static void show_counts(struct analysis *a)
{
	struct board *b = a->board;
	struct worker_gauges g;
	const struct snapshot_interface *base = a->base.interfaces;
	uint64_t packets = 0, bytes = 0;

	sum_workers(a, &g);
	for (size_t i = 0; i < a->config->interface_count; i++) {
		const struct feed_interface *f = &a->counts.interface[i];

		packets += f->packets;
		bytes += f->wire_bytes;
		atomic_store(&b->interfaces[i].packets, base[i].packets + f->packets);
		atomic_store(&b->interfaces[i].bytes, base[i].bytes + f->wire_bytes);
	}
	atomic_store(&b->packets, a->base.packets + packets);
	atomic_store(&b->bytes, a->base.bytes + bytes);
	atomic_store(&b->segments, a->base.segments + g.counts.segments);
	atomic_store(&b->duplicates, a->base.duplicates + g.counts.duplicates);
	atomic_store(&b->evicted, a->base.evicted + g.counts.evicted);
	atomic_store(&b->open_connections, g.open);
	atomic_store(&b->memory, g.memory);
	for (int s = 0; s < ENDPOINT_STATES; s++)
		atomic_store(&b->open_by_state[s], g.open_by_state[s]);
	if (packets > 0)
		atomic_store(&b->last_packet_ns, a->latest_ns + clock_correction(&a->axis));
	a->counts.engine = g.counts;
	a->counts.decoded = *decoder_counts(a->decoder);
}

/* A few times a second: timers, losses, counts. */
static bool tick(struct analysis *a, int64_t now_ns, struct error *err)
{
	/* the kernel hands packets over late, and the rings may hold some more */
	int64_t patient_ns = now_ns - 2 * MERGE_PATIENCE_NS;
	struct live_store_status status;
	bool behind = false;

	for (size_t i = 0; i < a->config->interface_count; i++)
		behind = behind || ring_used(a->setup->rings[i]) > 0;
	if (behind && patient_ns > a->latest_ns)
		patient_ns = a->latest_ns;
	if (!look_at_losses(a, now_ns, err))
		return false;
	for (size_t i = 0; i < a->workers; i++)
		if (!worker_tick(a->worker[i], patient_ns, err))
			return false;
	a->ticks++;
	show_counts(a);
	live_store_status(a->store, &status);
	show_store(a, &status);
	a->holding = a->replaying && status.state == LIVE_STORE_FINE &&
		     status.backlog > REPLAY_ROWS;
	if (a->ticks % COUNTS_EVERY == 0)
		live_store_count(a->store, &a->counts);
	return true;
}

/* ---- packets ---- */

static void count_packet(struct feed_interface *f, const struct packet *p, bool *anew)
{
	if (f->packets == 0 || *anew || p->ts_ns < f->first_ns)
		f->first_ns = p->ts_ns;
	*anew = false;
	if (f->packets > 0 && p->ts_ns < f->last_ns)
		f->backwards++;
	if (f->packets == 0 || p->ts_ns > f->last_ns)
		f->last_ns = p->ts_ns;
	f->packets++;
	f->bytes += p->caplen;
	f->wire_bytes += p->wirelen;
	f->linktype = p->linktype;
}

static bool take_packet(struct analysis *a, const struct ring_packet *in, const uint8_t *data,
			size_t index, struct error *err)
{
	struct feed_interface *f = &a->counts.interface[index];
	struct packet packet = {
		.data = data,
		.number = f->packets + 1,
		.ts_ns = in->ts_ns,
		.caplen = in->caplen,
		.wirelen = in->wirelen < in->caplen ? in->caplen : in->wirelen,
		.file = (uint32_t)index,
		.linktype = in->linktype,
		.ts_confirmed = true,
	};
	struct decoded decoded;

	count_packet(f, &packet, &a->anew[index]);
	if (packet.ts_ns > a->latest_ns)
		a->latest_ns = packet.ts_ns;
	if (a->workers == 1 && !worker_time(a->worker[0], packet.ts_ns, err))
		return false;
	decoder_packet(a->decoder, &packet, &decoded);
	if (decoded.reason != DECODED_SEGMENT && decoded.reason != DECODED_ICMP_ERROR)
		return true;
	return worker_take(a->worker[worker_for(&decoded, a->config->engine.hash_key, a->workers)],
			   &decoded, err);
}

/* As many as one look at the clock is worth; *taken: how many there were. */
static bool take_packets(struct analysis *a, int64_t now_ns, size_t *taken, struct error *err)
{
	struct ring_packet packet;
	const uint8_t *data;
	size_t index;

	for (*taken = 0; *taken < PACKETS_A_LOOK; ++*taken) {
		if (!merge_next(&a->merge, now_ns, &packet, &data, &index))
			return true;
		if (!take_packet(a, &packet, data, index, err))
			return false;
	}
	return true;
}

/* ---- waiting ---- */

/* A recording ends here, and another begins. */
static void reopen(struct analysis *a)
{
	show_counts(a);
	live_store_count(a->store, &a->counts);
	live_store_reopen(a->store);
	memset(a->anew, true, sizeof(a->anew));
}

static void take_commands(struct analysis *a)
{
	char command[16];
	ssize_t got = read(a->setup->control, command, sizeof(command));

	if (got == 0) { /* the front is gone, and the capture processes with it */
		a->finishing = true;
		for (size_t i = 0; i < a->config->interface_count; i++)
			atomic_store(&ring_board(a->setup->rings[i])->ended, 1);
	}
	for (ssize_t i = 0; i < got; i++) {
		if (command[i] == ANALYSIS_FINISH)
			a->finishing = true;
		else if (command[i] == ANALYSIS_REOPEN)
			reopen(a);
	}
}

static void wait_for_packets(struct analysis *a, int timeout_ms)
{
	struct pollfd wait[2] = {{.fd = a->setup->wake, .events = POLLIN},
				 {.fd = a->setup->control, .events = POLLIN}};
	bool empty = true;
	uint64_t count;

	for (size_t i = 0; i < a->config->interface_count; i++)
		empty = ring_sleep(a->setup->rings[i]) && empty;
	if (!empty && timeout_ms > 0) /* a packet is held back for order's sake, or all are */
		timeout_ms = a->merge.count > 1 || a->holding ? 5 : 0;
	if (poll(wait, 2, timeout_ms) > 0) {
		if (wait[0].revents)
			while (read(a->setup->wake, &count, sizeof(count)) < 0)
				break;
		if (wait[1].revents && !a->finishing)
			take_commands(a);
	}
	for (size_t i = 0; i < a->config->interface_count; i++)
		ring_awake(a->setup->rings[i]);
}

/* All writers are done and all they wrote is read. */
static bool all_read(const struct analysis *a)
{
	for (size_t i = 0; i < a->config->interface_count; i++) {
		struct ring *ring = a->setup->rings[i];

		if (!atomic_load(&ring_board(ring)->ended) || ring_used(ring) > 0)
			return false;
	}
	return true;
}

static int64_t machine_ns(void)
{
	return clock_read().boot_ns;
}

static bool go_on(struct analysis *a, struct error *err)
{
	for (;;) {
		int64_t now_ns = look_at_clock(a), machine = machine_ns();
		size_t taken = 0;

		if (!a->holding && !take_packets(a, a->finishing ? INT64_MAX : now_ns, &taken, err))
			return false;
		if (machine >= a->tick_next_ns) {
			wait_for_packets(a, 0); /* commands */
			if (!tick(a, now_ns, err))
				return false;
			a->tick_next_ns = machine + TICK_NS;
		}
		if (taken > 0)
			continue;
		merge_release(&a->merge);
		if (a->finishing && all_read(a))
			return true;
		wait_for_packets(a, a->finishing ? 10 : WAIT_MS);
	}
}

static bool finish(struct analysis *a, struct error *err)
{
	bool ok = true;

	for (size_t i = 0; i < a->workers; i++)
		ok = worker_finish(a->worker[i], a->latest_ns, err) && ok;
	look_at_losses(a, a->latest_ns, err);
	show_counts(a);
	live_store_count(a->store, &a->counts);
	return ok;
}

/* ---- making and ending ---- */

static bool make_workers(struct analysis *a, struct error *err)
{
	for (size_t i = 0; i < a->config->workers; i++) {
		struct worker_config config = {
			.monitor = a->config,
			.index = i,
			.threaded = a->config->workers > 1,
			.store = a->store,
			.numbers = &a->numbers,
			.correction_ns = &a->correction_ns,
		};

		a->worker[i] = worker_new(&config, err);
		if (!a->worker[i])
			return false;
		a->workers++;
	}
	return true;
}

/* What an earlier process had read and not given back is left out: one of these packets may be why it ended.
 * They count as lost, and so does nothing that was lost before. */
static void skip_packets(struct analysis *a)
{
	for (size_t i = 0; i < a->config->interface_count; i++) {
		struct ring *ring = a->setup->rings[i];
		struct ring_board *b = ring_board(ring);
		struct ring_packet packet;
		const uint8_t *data;
		uint64_t skipped = 0;

		a->gaps_seen[i] = atomic_load(&b->gaps);

		for (int l = 0; l < RING_LOSSES; l++)
			a->lost_seen[i][l] = a->lost_before[i][l] = atomic_load(&b->lost[l]);
		while (skipped < RING_REREAD && ring_peek(ring, &packet, &data)) {
			ring_take(ring);
			skipped++;
		}
		atomic_fetch_add(&b->lost[RING_LOSS_OWN], skipped);
	}
}

/* Goes on where an earlier process ended early: counters only grow, an alert that held holds. */
static void take_over(struct analysis *a)
{
	_Static_assert((int)ALERT_CONDITIONS <= (int)BOARD_ALERTS, "each has its place");
	board_take_over(a->board);
	snapshot_take(a->board, &a->base);
	clock_look(&a->axis, clocks(a));
	a->base_steps = a->axis.steps;
	atomic_store(&a->correction_ns, clock_correction(&a->axis));
	skip_packets(a);
	for (size_t i = 0; i < a->config->condition_count; i++) {
		int64_t began_ns = atomic_load(&a->board->alert_began_ns[i]);

		if (began_ns != 0)
			alerts_resume(a->alerts, i, began_ns);
	}
}

static bool open_store(struct analysis *a, struct error *err)
{
	const struct monitor_config *c = a->config;
	struct live_store_config config = {
		.path = c->database,
		.recording = c->recording,
		.interfaces = c->interface,
		.interface_count = c->interface_count,
		.worker_count = c->workers,
		.backlog_bytes = c->backlog,
		.batch_rows = c->batch_rows,
		.keep_ns = c->keep_ns,
		.keep_bytes = c->keep_bytes,
		.context = a,
		.told = told,
		.turn = turn,
		.remark = remark,
		.now_ns = time_of_day,
	};

	a->tally = tally_new(a->board, c->engine.hash_key, err);
	a->alerts = alerts_new(c->condition, c->condition_count, alerted, a, err);
	if (a->tally && a->alerts && a->setup->again)
		take_over(a);
	if (a->tally && a->alerts)
		a->store = live_store_open(&config, err);
	return a->store;
}

static bool set_up(struct analysis *a, struct error *err)
{
	struct decoder_config decoder = {.verify_checksums = a->config->recording.verify_checksums};

	memcpy(decoder.hash_key, a->config->engine.hash_key, sizeof(decoder.hash_key));
	a->decoder = decoder_new(&decoder, err);
	return a->decoder && open_store(a, err) && make_workers(a, err);
}

static void tear_down(struct analysis *a)
{
	for (size_t i = 0; i < a->workers; i++)
		worker_free(a->worker[i]);
	decoder_free(a->decoder);
	tally_free(a->tally);
	alerts_free(a->alerts);
	free(a);
}

int analysis_run(const struct analysis_setup *setup)
{
	struct analysis *a = calloc(1, sizeof(*a));
	struct live_store_status last;
	struct error err = {""};
	bool ok;

	if (!a) {
		status_say(setup->status, STATUS_FAILURE, "out of memory");
		return 1;
	}
	a->setup = setup;
	a->config = setup->config;
	a->board = setup->board;
	a->axis = setup->axis;
	a->latest_ns = INT64_MIN;
	a->replaying = true;
	for (size_t i = 0; i < a->config->interface_count; i++)
		a->replaying = a->replaying && replay_named(a->config->interface[i]);
	a->merge = merge_of(setup->rings, setup->config->interface_count);
	fcntl(setup->control, F_SETFL, O_NONBLOCK);
	ok = rights_analysis(a->config, &err) && set_up(a, &err);
	if (ok) {
		status_say(a->setup->status, STATUS_ANALYSIS_READY, "");
		ok = go_on(a, &err) && finish(a, &err);
	}
	if (a->store && !live_store_close(a->store, CLOSE_NS, &last, &err))
		ok = false;
	if (a->store)
		show_store(a, &last);
	if (!ok)
		status_say(a->setup->status, STATUS_FAILURE, err.text);
	tear_down(a);
	return ok ? 0 : 1;
}
