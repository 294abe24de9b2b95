/* The rows of one connection in the side tables: what is rare, of most connections none. */
#include "db/store_private.h"

#define SILENCE_MIN_NS INT64_C(1000000000)

static void bind_count(sqlite3_stmt *s, int column, uint64_t count)
{
	sqlite3_bind_int64(s, column, (int64_t)count);
}

/* How long before the last segment something was; NONE_NS stays. */
static int64_t back_ns(const struct verdict *v, int64_t ns)
{
	return ns == NONE_NS ? NONE_NS : v->last_ns - ns;
}

/* How far a FIN's number is from where its payload ends. */
static int32_t fin_shift(const struct verdict_direction *d)
{
	if (d->fin_check == FIN_NONE)
		return 0;
	return (int32_t)(d->fin_seq - d->isn - 1 - (uint32_t)d->bytes);
}

static bool add_fins(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	const int32_t initiator = fin_shift(&v->dir[SIDE_INITIATOR]),
		      responder = fin_shift(&v->dir[SIDE_RESPONDER]);
	sqlite3_stmt *s = store->statement[ADD_FINS];

	if (v->half_close_bytes == 0 && initiator == 0 && responder == 0)
		return true;
	sqlite3_bind_int64(s, 1, id);
	bind_count(s, 2, v->half_close_bytes);
	sqlite3_bind_int(s, 3, initiator);
	sqlite3_bind_int(s, 4, responder);
	return store_run(store, ADD_FINS, err);
}

static bool add_losses(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];
	const uint64_t counts[] = {
		v->duplicates,
		i->retransmitted,
		r->retransmitted,
		i->missing,
		r->missing,
		i->fin_check == FIN_NONE ? 0 : i->fin_retransmissions,
		r->fin_check == FIN_NONE ? 0 : r->fin_retransmissions,
	};
	uint64_t any = 0;

	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
		any |= counts[n];
	if (any == 0)
		return true;
	sqlite3_bind_int64(store->statement[ADD_LOSSES], 1, id);
	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
		bind_count(store->statement[ADD_LOSSES], (int)n + 2, counts[n]);
	return store_run(store, ADD_LOSSES, err);
}

static void bind_ttl(sqlite3_stmt *s, int column, uint8_t ttl)
{
	if (ttl != 0)
		sqlite3_bind_int(s, column, ttl);
	else
		sqlite3_bind_null(s, column);
}

static bool add_resets(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	sqlite3_stmt *s = store->statement[ADD_RESETS];

	if (v->rst_ns == NONE_NS && v->rst_silence_ns == NONE_NS && v->rst_in_window == 0 &&
	    v->rst_out_of_window == 0)
		return true;
	sqlite3_bind_int64(s, 1, id);
	bind_ns(s, 2, back_ns(v, v->rst_ns));
	bind_ns(s, 3, v->rst_silence_ns);
	bind_count(s, 4, v->rst_in_window);
	bind_count(s, 5, v->rst_out_of_window);
	bind_ttl(s, 6, v->rst_ttl);
	bind_ttl(s, 7, v->rst_sender_ttl);
	/* nearly always the silence itself, which is stored already */
	bind_ns(s, 8, v->rst_idle_ns == v->rst_silence_ns ? NONE_NS : v->rst_idle_ns);
	return store_run(store, ADD_RESETS, err);
}

/* Silences below a second are no pauses of an application and not stored; whole milliseconds. */
static bool add_silence(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	sqlite3_stmt *s = store->statement[ADD_SILENCE];

	if (v->fin_silence_ns < SILENCE_MIN_NS) /* NONE_NS too */
		return true;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, v->fin_silence_ns / 1000000);
	return store_run(store, ADD_SILENCE, err);
}

/* Where it was reused, TIME_WAIT was watched up to the reuse: the view takes the delay from there. */
static int64_t implied_delay(const struct verdict *v)
{
	bool reused = v->time_wait_check == TIME_WAIT_REUSED_OK ||
		      v->time_wait_check == TIME_WAIT_REUSED_EARLY;

	return reused ? v->time_wait_observed_ns : NONE_NS;
}

static bool add_reuses(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	sqlite3_stmt *s = store->statement[ADD_REUSES];

	if (v->reuse_delay_ns == implied_delay(v) && v->time_wait_restarts == 0)
		return true;
	sqlite3_bind_int64(s, 1, id);
	bind_ns(s, 2, v->reuse_delay_ns);
	bind_count(s, 3, v->time_wait_restarts);
	return store_run(store, ADD_REUSES, err);
}

/* Where the view looks for the end of a connection without a row of dwells. */
static int64_t implied_end(const struct verdict *v, bool regular)
{
	const struct verdict_direction *peer =
		&v->dir[v->closer == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR];

	return regular ? peer->fin_ns + peer->fin_acked_after_ns : v->rst_ns;
}

/* Of a regular close the view works all of them out. */
static bool add_dwells(struct store *store, const struct verdict *v, bool regular, int64_t id,
		       struct error *err)
{
	const int64_t dwells[] = {v->time_wait_entry_ns, v->close_wait_ns, v->fin_wait_1_ns,
				  v->fin_wait_2_ns,      v->last_ack_ns,   v->closing_ns};
	const size_t count = sizeof(dwells) / sizeof(dwells[0]);
	sqlite3_stmt *s = store->statement[ADD_DWELLS];
	bool any = v->end_ns != implied_end(v, regular);

	for (size_t n = 0; n < count && !regular; n++)
		any |= dwells[n] != NONE_NS;
	if (!any)
		return true;
	sqlite3_bind_int64(s, 1, id);
	for (size_t n = 0; n < count; n++)
		bind_ns(s, (int)n + 2, regular ? NONE_NS : dwells[n]);
	bind_ns(s, (int)count + 2, back_ns(v, v->end_ns));
	return store_run(store, ADD_DWELLS, err);
}

static bool add_states(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	sqlite3_stmt *s = store->statement[ADD_STATE];

	for (size_t n = 0; n < v->timeline_count; n++) {
		const struct state_entry *entry = &v->timeline[n];

		sqlite3_bind_int64(s, 1, id);
		sqlite3_bind_int64(s, 2, (int64_t)n);
		sqlite3_bind_int(s, 3, entry->side);
		sqlite3_bind_int(s, 4, entry->state);
		sqlite3_bind_int64(s, 5, entry->entry_ns);
		bind_ns(s, 6, entry->dwell_ns);
		if (!store_run(store, ADD_STATE, err))
			return false;
	}
	return true;
}

bool side_rows_add(struct store *store, const struct verdict *verdict, bool regular, int64_t id,
		   struct error *err)
{
	return add_fins(store, verdict, id, err) && add_losses(store, verdict, id, err) &&
	       add_resets(store, verdict, id, err) && add_silence(store, verdict, id, err) &&
	       add_reuses(store, verdict, id, err) &&
	       add_dwells(store, verdict, regular, id, err) &&
	       (regular || add_states(store, verdict, id, err));
}
