/* Open connections, on their way from the workers to the file: asked for by the thread that writes, at most as
 * often as is cheap, and written where anything has changed. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/siphash.h"
#include "db/address.h"
#include "db/live_private.h"
#include "db/path.h"
#include "db/schema.h"

#define SECOND_NS INT64_C(1000000000)
#define MIN_NS    (2 * SECOND_NS)
/* Also while the database is locked: what is stuck is told of. */
#define LOCKED_NS (5 * SECOND_NS)

/* They may take this share of the time, 1 in so many. */
enum { SHARE = 20, WORKERS_MAX = 64 };

struct part {
	struct live_open *rows; /* owned */
	size_t count;
	int64_t as_of_ns, cost_ns;
	uint64_t hash; /* of the rows */
	bool wanted, there;
};

struct live_opens {
	size_t workers;
	pthread_mutex_t mutex; /* guards the parts */
	struct part part[WORKERS_MAX];
	/* the store's thread's own */
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	uint64_t hash; /* of those in the file; valid where written */
	bool written;
	int64_t next_ns; /* CLOCK_MONOTONIC; INT64_MAX: they were asked for */
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

struct live_opens *live_opens_new(size_t workers, struct error *err)
{
	struct live_opens *o = workers <= WORKERS_MAX ? calloc(1, sizeof(*o)) : NULL;

	if (!o) {
		error_set(err, "no memory for open connections");
		return NULL;
	}
	o->workers = workers;
	sqlite3_randomness(sizeof(o->hash_key), o->hash_key);
	pthread_mutex_init(&o->mutex, NULL);
	return o;
}

void live_opens_free(struct live_opens *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->workers; i++)
		free(o->part[i].rows);
	pthread_mutex_destroy(&o->mutex);
	free(o);
}

/* ---- the workers' side ---- */

bool live_opens_wanted(struct live_opens *o, size_t worker)
{
	bool wanted;

	pthread_mutex_lock(&o->mutex);
	wanted = o->part[worker].wanted;
	pthread_mutex_unlock(&o->mutex);
	return wanted;
}

void live_opens_put(struct live_opens *o, size_t worker, struct live_open *rows, size_t count,
		    int64_t as_of_ns, int64_t cost_ns)
{
	uint64_t hash = siphash(o->hash_key, rows, count * sizeof(*rows));

	pthread_mutex_lock(&o->mutex);
	free(o->part[worker].rows);
	o->part[worker] = (struct part){.rows = rows,
					.count = count,
					.as_of_ns = as_of_ns,
					.cost_ns = cost_ns,
					.hash = hash,
					.there = true};
	pthread_mutex_unlock(&o->mutex);
}

/* ---- the store's thread ---- */

void live_opens_ask(struct live_opens *o)
{
	if (clock_ns(CLOCK_MONOTONIC) < o->next_ns || o->workers == 0)
		return;
	o->next_ns = INT64_MAX; /* until it is there */
	pthread_mutex_lock(&o->mutex);
	for (size_t i = 0; i < o->workers; i++)
		o->part[i].wanted = true;
	pthread_mutex_unlock(&o->mutex);
}

void live_opens_locked(struct live_opens *o)
{
	if (o->next_ns == INT64_MAX)
		o->next_ns = clock_ns(CLOCK_MONOTONIC) + LOCKED_NS;
}

void live_opens_void(struct live_opens *o)
{
	o->written = false;
}

static bool all_there(const struct live_opens *o)
{
	for (size_t i = 0; i < o->workers; i++)
		if (!o->part[i].there)
			return false;
	return true;
}

/* Moves the parts out; false: not all are there. */
static bool take(struct live_opens *o, struct part part[WORKERS_MAX])
{
	bool there;

	pthread_mutex_lock(&o->mutex);
	there = all_there(o);
	for (size_t i = 0; there && i < o->workers; i++) {
		part[i] = o->part[i];
		o->part[i] = (struct part){0};
	}
	pthread_mutex_unlock(&o->mutex);
	return there;
}

/* cost_ns: what this time cost in work; time spent waiting for a processor or the disk says nothing of it. */
static void ask_later(struct live_opens *o, int64_t cost_ns)
{
	int64_t pause_ns = cost_ns * SHARE;

	o->next_ns = clock_ns(CLOCK_MONOTONIC) + (pause_ns > MIN_NS ? pause_ns : MIN_NS);
}

static uint64_t hash_of(const struct live_opens *o, const struct part *part)
{
	uint64_t hash[WORKERS_MAX];

	for (size_t i = 0; i < o->workers; i++)
		hash[i] = part[i].hash;
	return siphash(o->hash_key, hash, o->workers * sizeof(hash[0]));
}

bool live_opens_changed(struct live_opens *o)
{
	struct part part[WORKERS_MAX] = {{0}};
	bool there, changed;

	pthread_mutex_lock(&o->mutex);
	there = all_there(o);
	changed = there && !(o->written && hash_of(o, o->part) == o->hash);
	pthread_mutex_unlock(&o->mutex);
	if (there && !changed && take(o, part)) { /* as it stands in the file: out of the way */
		int64_t cost_ns = 0;

		for (size_t i = 0; i < o->workers; i++) {
			free(part[i].rows);
			cost_ns += part[i].cost_ns;
		}
		ask_later(o, cost_ns);
	}
	return changed;
}

/* ---- rows ---- */

static const char *state_text(uint8_t state)
{
	switch (state) {
	case LIVE_STATE_NONE:
		return NULL;
	case LIVE_STATE_SYN_SENT:
		return "SYN_SENT";
	case LIVE_STATE_SYN_RECEIVED:
		return "SYN_RECEIVED";
	default:
		return endpoint_state_name((enum endpoint_state)state);
	}
}

static bool add_row(struct live_file *file, const struct live_store_config *config, sqlite3_stmt *s,
		    const struct live_open *o, struct error *err)
{
	unsigned vlan = vlan_outer(o->vlan_tags[0] ? o->vlan_tags[0] : o->vlan_tags[1]);
	char address[SIDES][ADDRESS_TEXT_MAX], tunnel[TUNNEL_TEXT_MAX];
	bool ok;

	for (int side = 0; side < SIDES; side++) {
		address_text(&o->address[side], o->ip_version, address[side]);
		sqlite3_bind_text(s, 4 + 2 * side, address[side], -1, SQLITE_STATIC);
		sqlite3_bind_int(s, 5 + 2 * side, o->port[side]);
		sqlite3_bind_text(s, 13 + side, state_text(o->state[side]), -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 16 + side, (int64_t)o->packets[side]);
		sqlite3_bind_int64(s, 18 + side, (int64_t)o->bytes[side]);
		if (o->since_ns[side] != NONE_NS)
			sqlite3_bind_int64(s, 20 + side, o->since_ns[side]);
		else
			sqlite3_bind_null(s, 20 + side);
	}
	sqlite3_bind_text(s, 3, config->interfaces[o->interface], -1, SQLITE_STATIC);
	if (vlan != 0)
		sqlite3_bind_int(s, 8, (int)vlan);
	else
		sqlite3_bind_null(s, 8);
	tunnel_text(&o->tunnel, tunnel);
	sqlite3_bind_text(s, 9, o->tunnel.depth > 0 ? tunnel : NULL, -1, SQLITE_STATIC);
	sqlite3_bind_int(s, 10, o->midstream);
	sqlite3_bind_int64(s, 11, o->first_ns);
	sqlite3_bind_int64(s, 12, o->last_ns);
	sqlite3_bind_text(s, 15, teardown_name((enum teardown)o->teardown), -1, SQLITE_STATIC);
	ok = sqlite3_step(s) == SQLITE_DONE || store_failed(file->store, err);
	sqlite3_reset(s);
	return ok;
}

static bool add_part(struct live_file *file, const struct live_store_config *config,
		     sqlite3_stmt *s, const struct part *part, struct error *err)
{
	sqlite3_bind_int64(s, 1, file->store->recording_id);
	sqlite3_bind_int64(s, 2, part->as_of_ns);
	for (size_t i = 0; i < part->count; i++) {
		const struct live_open *o = &part->rows[i];

		if (o->interface >= config->interface_count || o->teardown >= TEARDOWNS)
			return error_set(err, "an open connection that cannot be");
		if (!add_row(file, config, s, o, err))
			return false;
	}
	return true;
}

static sqlite3_stmt *begin_rows(struct live_file *file, struct error *err)
{
	static const char sql[] =
		"INSERT INTO open_connections(recording_id, as_of_ns, capture, "
		"initiator_ip, initiator_port, responder_ip, responder_port, vlan, "
		"tunnel, midstream, first_ns, last_ns, state_initiator, "
		"state_responder, teardown, packets_initiator, packets_responder, "
		"bytes_initiator, bytes_responder, since_initiator_ns, "
		"since_responder_ns) "
		"VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	sqlite3 *db = file->store->file.db;
	sqlite3_stmt *s;

	if (schema_run(db, "DELETE FROM open_connections", err) &&
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK)
		return s;
	store_failed(file->store, err);
	return NULL;
}

bool live_opens_write(struct live_opens *o, struct live_file *file,
		      const struct live_store_config *config, struct error *err)
{
	struct part part[WORKERS_MAX] = {{0}};
	int64_t started_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), cost_ns = 0;
	sqlite3_stmt *s;
	bool ok;

	if (!take(o, part))
		return true;
	s = begin_rows(file, err);
	ok = s != NULL;
	for (size_t i = 0; i < o->workers; i++) {
		ok = ok && add_part(file, config, s, &part[i], err);
		cost_ns += part[i].cost_ns;
		free(part[i].rows);
	}
	sqlite3_finalize(s);
	o->hash = hash_of(o, part);
	o->written = ok; /* unless the transaction fails */
	ask_later(o, cost_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID) - started_ns);
	return ok;
}
