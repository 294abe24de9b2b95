/* Samples of silences into slots: one for each peak, the rest into the code's own. */
#include <stdlib.h>

#include "report/clusters.h"
#include "report/diagnosis_private.h"

/* Services whose own timeout is looked for; the races of further ones stay together. */
enum { SERVICES_MAX = 32 };

static bool is_of(const struct sample *sample, int64_t host_id, uint16_t port)
{
	return host_id == 0 || (sample->host_id == host_id && sample->port == port);
}

/* Silences of the code (of one service, where host_id is not 0), harmless ones too. */
static size_t collect(const struct diagnosis_walk *w, enum diagnosis_code code, int64_t host_id,
		      uint16_t port, int64_t *values)
{
	size_t count = 0;

	for (size_t i = 0; i < w->sample_count; i++)
		if (w->sample[i].code == code && is_of(&w->sample[i], host_id, port))
			values[count++] = w->sample[i].silence_ns;
	return count;
}

static bool inside(const struct cluster *cluster, int64_t silence_ns)
{
	return silence_ns >= cluster->low_ns && silence_ns <= cluster->high_ns;
}

/* Counts the samples that did harm; each once: what is counted loses its code. */
static bool settle_cluster(struct diagnosis_walk *w, enum diagnosis_code code, int64_t host_id,
			   uint16_t port, const struct cluster *cluster)
{
	size_t slot = SIZE_MAX;
	uint64_t support = 0;

	for (size_t i = 0; i < w->sample_count; i++) {
		struct sample *sample = &w->sample[i];

		if (sample->code != code || !is_of(sample, host_id, port) ||
		    !inside(cluster, sample->silence_ns))
			continue;
		if (!sample->harm) {
			support++;
			continue;
		}
		if (slot == SIZE_MAX)
			slot = slots_add(&w->slots, code, cluster->middle_ns);
		if (slot == SIZE_MAX)
			return walk_no_memory(w);
		slots_count(&w->slots, slot, sample);
		sample->code = DIAGNOSIS_CODES;
	}
	if (slot != SIZE_MAX)
		w->slots.slot[slot].support = support;
	return true;
}

static bool settle(struct diagnosis_walk *w, enum diagnosis_code code, int64_t host_id,
		   uint16_t port, int64_t *values)
{
	struct cluster found[CLUSTERS_MAX];
	size_t count = clusters_find(values, collect(w, code, host_id, port, values), found);

	for (size_t i = 0; i < count; i++)
		if (!settle_cluster(w, code, host_id, port, &found[i]))
			return false;
	return true;
}

/* A server's keep-alive timeout is its own: service by service. */
static bool settle_races(struct diagnosis_walk *w, int64_t *values)
{
	struct {
		int64_t host_id;
		uint16_t port;
	} done[SERVICES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < w->sample_count && count < SERVICES_MAX; i++) {
		const struct sample *sample = &w->sample[i];
		bool known = sample->code != DIAGNOSIS_KEEPALIVE_RACE || !sample->harm;

		for (size_t k = 0; k < count && !known; k++)
			known = is_of(sample, done[k].host_id, done[k].port);
		if (known)
			continue;
		done[count].host_id = sample->host_id;
		done[count++].port = sample->port;
		if (!settle(w, DIAGNOSIS_KEEPALIVE_RACE, sample->host_id, sample->port, values))
			return false;
	}
	return true;
}

bool silences_settle(struct diagnosis_walk *w)
{
	int64_t *values = malloc((w->sample_count + 1) * sizeof(*values));
	bool good = values != NULL || walk_no_memory(w);

	good = good && settle_races(w, values) &&
	       settle(w, DIAGNOSIS_RESET_ON_IDLE, 0, 0, values) &&
	       settle(w, DIAGNOSIS_RESET_ON_RESUME, 0, 0, values);
	free(values);
	for (size_t i = 0; good && i < w->sample_count; i++) {
		const struct sample *sample = &w->sample[i];
		struct slot *slot;

		if (!sample->harm || sample->code == DIAGNOSIS_CODES)
			continue;
		slots_count(&w->slots, sample->code, sample);
		slot = &w->slots.slot[sample->code];
		if (slot->shortest_ns == NONE_NS || sample->silence_ns < slot->shortest_ns)
			slot->shortest_ns = sample->silence_ns;
		if (sample->silence_ns > slot->longest_ns) /* NONE_NS is less than all */
			slot->longest_ns = sample->silence_ns;
	}
	return good;
}
