/* How many TIME_WAITs each address holds at once, and how soon addresses let go of them. */
#include <stdlib.h>
#include <string.h>

#include "report/diagnosis_private.h"

#define LINUX_TIME_WAIT_NS INT64_C(60000000000)

/* From this many at once on the pressure is worth telling. */
enum { LOADS_MAX = 8, MSLS_MAX = 8, PRESSURE_LEAST = 1000 };

bool time_wait_add(struct diagnosis_walk *w, const struct walk_recording *recording,
		   const struct facts *f, enum side holder)
{
	bool initiated = holder == SIDE_INITIATOR, good;
	int64_t host = initiated ? f->initiator_id : f->responder_id;
	int64_t lasts = 2 * recording->msl_ns, end;
	void *items = w->entry;

	if (host <= 0 || host >= HOSTS_MAX)
		return true; /* no id of ours: it would take memory by its value */
	good = walk_grow(w, &items, w->entry_count, &w->entry_room, sizeof(*w->entry));
	if (f->reuse_delay_ns >= 0 && f->reuse_delay_ns < lasts)
		lasts = f->reuse_delay_ns;
	if (__builtin_add_overflow(f->time_wait_entry_ns, lasts, &end))
		lasts = INT64_MAX - f->time_wait_entry_ns;
	w->entry = items;
	if (good)
		w->entry[w->entry_count++] = (struct time_wait_entry){
			.entry_ns = f->time_wait_entry_ns,
			.lasts_ns = lasts,
			.host = (uint32_t)host,
			.peer = (uint32_t)(initiated ? f->responder_id : f->initiator_id),
			.port = f->responder_port,
			.initiated = initiated,
		};
	return good;
}

bool time_wait_count(struct diagnosis_walk *w, int64_t host)
{
	size_t hosts = w->held_hosts > 0 ? w->held_hosts : 1024;
	uint32_t *grown;

	if (host <= 0 || host >= HOSTS_MAX)
		return true; /* as above */
	while (hosts <= (size_t)host)
		hosts *= 2;
	if (hosts > w->held_hosts) {
		grown = realloc(w->held, hosts * sizeof(*grown));
		if (!grown)
			return walk_no_memory(w);
		memset(grown + w->held_hosts, 0, (hosts - w->held_hosts) * sizeof(*grown));
		w->held = grown;
		w->held_hosts = hosts;
	}
	w->held[host]++;
	return true;
}

/* What is initiated first, then by service. */
static int by_service(const void *left, const void *right)
{
	const struct time_wait_entry *a = left, *b = right;

	if (a->initiated != b->initiated)
		return a->initiated ? -1 : 1;
	if (a->peer != b->peer)
		return a->peer < b->peer ? -1 : 1;
	return (a->port > b->port) - (a->port < b->port);
}

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* Mostly they are in order already. */
static void sort_times(int64_t *times, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (times[i] < times[i - 1]) {
			qsort(times, count, sizeof(*times), ascending);
			return;
		}
}

/* The begins and ends of as many entries as there are, each in order. */
struct times {
	int64_t *begin, *end;
};

static int64_t no_longer(const struct time_wait_entry *entry, int64_t most_ns)
{
	return entry->lasts_ns < most_ns ? entry->lasts_ns : most_ns;
}

static void take_begins(const struct time_wait_entry *entry, size_t count, struct times *t)
{
	for (size_t i = 0; i < count; i++)
		t->begin[i] = entry[i].entry_ns;
	sort_times(t->begin, count);
}

/* After the begins, of the same entries, none longer than most_ns. Mostly all last as long: then they end in the
 * order in which they began. */
static void take_ends(const struct time_wait_entry *entry, size_t count, int64_t most_ns,
		      struct times *t)
{
	int64_t lasts = count > 0 ? no_longer(&entry[0], most_ns) : 0;
	bool same = true;

	for (size_t i = 0; i < count; i++) {
		same = same && no_longer(&entry[i], most_ns) == lasts;
		t->end[i] = entry[i].entry_ns + no_longer(&entry[i], most_ns);
	}
	for (size_t i = 0; same && i < count; i++)
		t->end[i] = t->begin[i] + lasts;
	sort_times(t->end, count);
}

static size_t bucket_of(const struct diagnosis_series *series, int64_t ts_ns)
{
	uint64_t at;

	if (ts_ns < series->from_ns)
		return 0;
	at = ((uint64_t)ts_ns - (uint64_t)series->from_ns) / (uint64_t)series->step_ns;
	return at >= series->buckets ? series->buckets - 1 : (size_t)at;
}

static void raise_count(struct diagnosis_series *series, size_t bucket, uint64_t count)
{
	if (count > series->count[bucket])
		series->count[bucket] = count;
}

/* Most TIME_WAITs at once, and when; each interval's most into series, where that is not NULL. */
static uint64_t most_at_once(const struct times *t, size_t count, int64_t *when,
			     struct diagnosis_series *series)
{
	uint64_t most = 0, now = 0;
	size_t ended = 0, bucket = 0;

	for (size_t i = 0; i < count; i++) {
		/* none ends before it began, whatever a database says */
		for (; ended < i && t->end[ended] <= t->begin[i]; ended++, now--)
			if (series && series->buckets > 0)
				for (; bucket < bucket_of(series, t->end[ended]); bucket++)
					raise_count(series, bucket + 1, now);
		if (series && series->buckets > 0)
			for (; bucket < bucket_of(series, t->begin[i]); bucket++)
				raise_count(series, bucket + 1, now);
		now++;
		if (series && series->buckets > 0)
			raise_count(series, bucket, now);
		if (now > most) {
			most = now;
			*when = t->begin[i];
		}
	}
	for (; series && ended < count; ended++, now--)
		for (; series->buckets > 0 && bucket < bucket_of(series, t->end[ended]); bucket++)
			raise_count(series, bucket + 1, now);
	return most;
}

/* Ports bound towards one service: the most of any service. */
static uint64_t most_to_one_service(struct time_wait_entry *entry, size_t count, struct times *t)
{
	uint64_t most = 0;
	int64_t when;

	qsort(entry, count, sizeof(*entry), by_service);
	for (size_t first = 0, end; first < count && entry[first].initiated; first = end) {
		uint64_t here;

		for (end = first; end < count && by_service(&entry[end], &entry[first]) == 0; end++)
			;
		take_begins(entry + first, end - first, t);
		take_ends(entry + first, end - first, INT64_MAX, t);
		here = most_at_once(t, end - first, &when, NULL);
		most = here > most ? here : most;
	}
	return most;
}

/* The entries of one host, moved to the front of the array: their number. */
static size_t gather(struct diagnosis_walk *w, uint32_t host, size_t from)
{
	size_t count = 0;

	for (size_t i = from; i < w->entry_count; i++) {
		struct time_wait_entry swap = w->entry[i];

		if (swap.host != host)
			continue;
		w->entry[i] = w->entry[from + count];
		w->entry[from + count++] = swap;
	}
	return count;
}

/* The first of the host's connections. It has a thousand and more of them: walking meets some sooner than
 * its whole list is read through the index and sorted. */
static bool examples_of(struct diagnosis_walk *w, uint32_t host, bool initiated, int64_t ids[],
			size_t *count)
{
	sqlite3_stmt *s = walk_prepare(
		w, initiated ? "SELECT id FROM connections WHERE id BETWEEN ?2 AND ?3"
			       " AND +initiator_id = ?1 AND +outcome_id IN"
			       " (SELECT id FROM outcomes WHERE time_wait_holder IN"
			       " ('initiator', 'both')) ORDER BY id LIMIT 3"
			     : "SELECT id FROM connections WHERE id BETWEEN ?2 AND ?3"
			       " AND +responder_id = ?1 AND +outcome_id IN"
			       " (SELECT id FROM outcomes WHERE time_wait_holder IN"
			       " ('responder', 'both')) ORDER BY id LIMIT 3");

	*count = 0;
	for (size_t i = 0; s && i < w->plan_count && *count < DIAGNOSIS_EXAMPLES; i++) {
		sqlite3_bind_int64(s, 1, host);
		sqlite3_bind_int64(s, 2, w->plan[i].recording.range[0]);
		sqlite3_bind_int64(s, 3, w->plan[i].recording.range[1]);
		while (*count < DIAGNOSIS_EXAMPLES && walk_row(w, s))
			ids[(*count)++] = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	return s != NULL;
}

/* The diagnosis' slot: entries as times, the host as party. */
static bool note_pressure(struct diagnosis_walk *w, const struct time_wait_load *load,
			  const struct time_wait_entry *entry, size_t count)
{
	size_t index = slots_add(&w->slots, DIAGNOSIS_TIME_WAIT_PRESSURE, NONE_NS);
	int64_t ids[DIAGNOSIS_EXAMPLES];
	size_t examples;
	struct slot *slot;

	if (index == SIZE_MAX)
		return walk_no_memory(w);
	if (!examples_of(w, entry[0].host, load->initiated * 2 >= load->held, ids, &examples))
		return false;
	for (size_t i = 0; i < examples; i++) {
		struct sample sample = {
			.id = ids[i], .ts_ns = load->peak_ns, .host_id = entry[0].host};

		slots_count(&w->slots, index, &sample);
	}
	slot = &w->slots.slot[index];
	slot->load = *load;
	slot->load.address = NULL;
	slot->connections = count;
	slot->series = w->slots.frame;
	for (size_t i = 0; i < count; i++) {
		slot->since_ns = entry[i].entry_ns < slot->since_ns ? entry[i].entry_ns
								    : slot->since_ns;
		slot->until_ns = entry[i].entry_ns > slot->until_ns ? entry[i].entry_ns
								    : slot->until_ns;
		series_count(&slot->series, entry[i].entry_ns);
	}
	if (examples > 0)
		w->slots.party[w->slots.party_count - 1].connections = count;
	return true;
}

static void measure_load(struct time_wait_load *load, struct time_wait_entry *entry, size_t count,
			 struct times *t)
{
	bool one_service = true;
	int64_t when;

	load->held = count;
	take_begins(entry, count, t);
	take_ends(entry, count, INT64_MAX, t);
	load->peak = most_at_once(t, count, &load->peak_ns, &load->at_once);
	take_ends(entry, count, LINUX_TIME_WAIT_NS, t);
	load->peak_60s = most_at_once(t, count, &when, NULL);
	for (size_t i = 0; i < count; i++) {
		load->initiated += entry[i].initiated;
		one_service &= by_service(&entry[i], &entry[0]) == 0;
	}
	if (load->initiated == count && one_service)
		load->peak_ports = load->peak;
	else if (load->initiated > 0)
		load->peak_ports = most_to_one_service(entry, count, t);
}

static bool make_load(struct diagnosis_walk *w, struct time_wait_entry *entry, size_t count)
{
	struct time_wait_load *load = &w->out->loads[w->out->load_count];
	struct times t = {malloc(count * sizeof(*t.begin)), malloc(count * sizeof(*t.end))};
	bool good = (t.begin && t.end) || walk_no_memory(w);

	*load = (struct time_wait_load){.at_once = w->slots.frame};
	if (good)
		measure_load(load, entry, count, &t);
	free(t.begin);
	free(t.end);
	if (!good)
		return false;
	load->address = walk_address(w, entry[0].host);
	if (!load->address)
		return false;
	w->out->load_count++;
	return load->peak < PRESSURE_LEAST || note_pressure(w, load, entry, count);
}

static int by_peak(const void *left, const void *right)
{
	const struct time_wait_load *a = left, *b = right;

	if (a->peak != b->peak)
		return a->peak > b->peak ? -1 : 1;
	return strcmp(a->address, b->address);
}

/* The hosts that hold most TIME_WAITs, most first; the lowest id of several. */
static size_t busiest(struct diagnosis_walk *w, uint32_t hosts[LOADS_MAX])
{
	size_t count = 0;

	for (; count < LOADS_MAX; count++) {
		uint32_t best = 0;

		for (size_t host = 1; host < w->held_hosts; host++)
			if (w->held[host] > w->held[best])
				best = (uint32_t)host;
		if (best == 0)
			break;
		hosts[count] = best;
		w->held[best] = 0;
	}
	return count;
}

/* Counts entries beside what blocks told, and makes entries of that where they are the busiest hosts'. */
static bool find_busiest(struct diagnosis_walk *w, uint32_t hosts[LOADS_MAX], size_t *count)
{
	struct id_set set = {0};
	bool good = true, counted = w->held != NULL;

	for (size_t i = 0; good && i < w->entry_count; i++)
		good = time_wait_count(w, w->entry[i].host);
	*count = busiest(w, hosts);
	for (size_t i = 0; good && i < *count; i++)
		good = id_set_add(&set, hosts[i], w->err);
	good = good && (!counted || plans_hold(w, &set));
	id_set_free(&set);
	return good;
}

static bool make_loads(struct diagnosis_walk *w)
{
	uint32_t hosts[LOADS_MAX];
	size_t count, from = 0;

	w->out->loads = calloc(LOADS_MAX, sizeof(*w->out->loads));
	if (!w->out->loads)
		return walk_no_memory(w);
	if (!find_busiest(w, hosts, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t held = gather(w, hosts[i], from);

		/* none: a block told of what is not there */
		if (held > 0 && !make_load(w, w->entry + from, held))
			return false;
		from += held;
	}
	return true;
}

static int shortest_first(const void *left, const void *right)
{
	const struct reuse_tally *a = left, *b = right;

	if (a->shortest_ns != b->shortest_ns)
		return a->shortest_ns < b->shortest_ns ? -1 : 1;
	return (a->host_id > b->host_id) - (a->host_id < b->host_id);
}

static bool make_msls(struct diagnosis_walk *w)
{
	if (w->reuse_count == 0)
		return true;
	qsort(w->reuse, w->reuse_count, sizeof(*w->reuse), shortest_first);
	w->out->msls = calloc(MSLS_MAX, sizeof(*w->out->msls));
	if (!w->out->msls)
		return walk_no_memory(w);
	for (size_t i = 0; i < w->reuse_count; i++) {
		const struct reuse_tally *r = &w->reuse[i];
		struct sample sample = {.id = r->connection_id, .host_id = r->host_id};
		struct slot *slot;

		if (i < MSLS_MAX) {
			w->out->msls[i] = (struct effective_msl){
				.address = walk_address(w, r->host_id),
				.shortest_ns = r->shortest_ns,
				.reuses = r->reuses,
				.connection_id = r->connection_id};
			if (!w->out->msls[i].address)
				return false;
			w->out->msl_count++;
		}
		slots_count(&w->slots, DIAGNOSIS_EFFECTIVE_MSL, &sample);
		slot = &w->slots.slot[DIAGNOSIS_EFFECTIVE_MSL];
		slot->connections += r->reuses - 1;
		if (r->host_id == w->slots.party[w->slots.party_count - 1].host_id)
			w->slots.party[w->slots.party_count - 1].connections = r->reuses;
		slot->since_ns = slot->until_ns = NONE_NS;
		slot->series.buckets = 0;
		slot->shortest_ns = w->reuse[0].shortest_ns;
	}
	return true;
}

bool time_wait_settle(struct diagnosis_walk *w)
{
	if (!make_loads(w) || !make_msls(w))
		return false;
	free(w->entry); /* the largest part of the memory is not needed for the telling */
	w->entry = NULL;
	if (w->out->load_count > 1)
		qsort(w->out->loads, w->out->load_count, sizeof(*w->out->loads), by_peak);
	return true;
}
