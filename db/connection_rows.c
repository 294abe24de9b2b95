/* The rows of one connection. docs/database.md says what each column means. */
#include <stdlib.h>
#include <string.h>

#include "db/ladder.h"
#include "db/regular.h"
#include "db/store_private.h"

static const char *const statement_sql[STORE_STATEMENTS] = {
	[FIND_OUTCOME] = "SELECT outcome_id, first_ns FROM connections WHERE id = ?1",
	[SETTLE_CONNECTION] =
		"UPDATE connections SET outcome_id = ?2, time_wait_observed_ns = ?3 WHERE id = ?1",
	[ADD_FINS] = "INSERT INTO fins(connection_id, half_close_bytes, "
		     "shift_initiator, shift_responder) VALUES(?,?,?,?)",
	[ADD_LOSSES] = "INSERT INTO losses(connection_id, duplicates, "
		       "retransmitted_initiator, retransmitted_responder, "
		       "missing_initiator, missing_responder, "
		       "fin_retransmissions_initiator, fin_retransmissions_responder) "
		       "VALUES(?,?,?,?,?,?,?,?)",
	[ADD_RESETS] = "INSERT INTO resets(connection_id, rst_back_ns, silence_ns, "
		       "in_window, out_of_window, ttl, sender_ttl, idle_ns) "
		       "VALUES(?,?,?,?,?,?,?,?)",
	[ADD_SILENCE] = "INSERT INTO silences(connection_id, fin_ms) VALUES(?,?)",
	[ADD_REUSES] = "INSERT INTO reuses(connection_id, delay_ns, restarts) "
		       "VALUES(?,?,?)",
	[ADD_DWELLS] = "INSERT INTO dwells(connection_id, time_wait_entry_ns, "
		       "close_wait_ns, fin_wait_1_ns, fin_wait_2_ns, last_ack_ns, "
		       "closing_ns, end_back_ns) VALUES(?,?,?,?,?,?,?,?)",
	[ADD_STATE] = "INSERT INTO states(connection_id, position, side, state, "
		      "entry_ns, dwell_ns) VALUES(?,?,?,?,?,?)",
	[ADD_LADDER] = "INSERT INTO ladders(connection_id, segments) VALUES(?,?)",
	[ADD_MARK_HIT] = "INSERT INTO mark_hits(connection_id, position, mark_id, side, "
			 "stream_offset, ts_ns, packet, capture_id, count) "
			 "VALUES(?,?,?,?,?,?,?,?,?)",
};

bool connection_prepare(struct store *store, struct error *err)
{
	for (int i = 0; i < STORE_STATEMENTS; i++)
		if (statement_sql[i] && !store->statement[i] &&
		    sqlite3_prepare_v3(store->file.db, statement_sql[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &store->statement[i],
				       NULL) != SQLITE_OK)
			return store_failed(store, err);
	return true;
}

bool store_run(struct store *store, enum store_statement which, struct error *err)
{
	sqlite3_stmt *s = store->statement[which];
	int step = sqlite3_step(s);

	sqlite3_reset(s);
	store->added |= 1U << which;
	return step == SQLITE_DONE || store_failed(store, err);
}

static void bind_count(sqlite3_stmt *s, int column, uint64_t count)
{
	sqlite3_bind_int64(s, column, (int64_t)count);
}

static int64_t or_null(int64_t ns)
{
	return ns == NONE_NS ? ROW_NULL : ns;
}

/* The initiator's column; the responder's is the next one. */
static void put_direction(int64_t *row, const struct verdict *v, enum side side)
{
	const struct verdict_direction *d = &v->dir[side];
	const int at = side == SIDE_RESPONDER;
	int64_t covered = 0;

	row[ROW_PACKETS_INITIATOR + at] = (int64_t)d->packets;
	row[ROW_BYTES_INITIATOR + at] = (int64_t)d->bytes;
	if (d->fin_check == FIN_NONE) {
		row[ROW_FIN_BACK_INITIATOR + at] = ROW_NULL;
		row[ROW_FIN_ACKED_INITIATOR + at] = ROW_NULL;
		return;
	}
	if (d->fin_acked_after_ns != NONE_NS)
		covered = d->fin_acked_after_ns;
	row[ROW_FIN_BACK_INITIATOR + at] = v->last_ns - d->fin_ns - covered;
	row[ROW_FIN_ACKED_INITIATOR + at] = or_null(d->fin_acked_after_ns);
}

/* NULL where the view works it out: 2MSL where held, up to the recording's watched_until_ns where the capture
 * stopped. */
static int64_t observed_to_store(struct store *store, const struct verdict *v)
{
	int64_t entry = v->time_wait_entry_ns, observed = v->time_wait_observed_ns;

	if (entry == NONE_NS || observed == NONE_NS)
		return observed;
	if (v->time_wait_check == TIME_WAIT_HELD && observed == 2 * store->msl_ns)
		return NONE_NS;
	if (v->time_wait_check != TIME_WAIT_UNVERIFIED)
		return observed;
	if (store->watched_until_ns == NONE_NS)
		store->watched_until_ns = entry + observed;
	return entry + observed == store->watched_until_ns ? NONE_NS : observed;
}

/* Two 32-bit numbers as one column's: the initiator's is the upper half. */
static int64_t halves(uint32_t initiator, uint32_t responder)
{
	return (int64_t)((uint64_t)initiator << 32 | responder);
}

static uint32_t fin_payload(const struct verdict_direction *d)
{
	return d->fin_check == FIN_NONE ? 0 : d->fin_payload;
}

struct row_ids {
	int64_t id, initiator, responder, path, outcome, application, history; /* 0: none */
};

static bool find_ids(struct store *store, const struct verdict *v, enum timeline_kind timeline,
		     struct row_ids *ids, struct error *err)
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];
	struct dictionaries *d = store->dictionaries;

	return (dictionary_host(d, &i->address, v->ip_version, &ids->initiator, err) &&
		dictionary_host(d, &r->address, v->ip_version, &ids->responder, err) &&
		dictionary_path(d, v, &ids->path, err) &&
		dictionary_outcome(d, v, timeline, &ids->outcome, err) &&
		dictionary_application(d, v->application, &ids->application, err) &&
		dictionary_history(d, v->history, &ids->history, err)) ||
	       store_failed(store, err);
}

static void put_row(struct store *store, const struct verdict *v, const struct row_ids *ids,
		    int64_t row[ROW_COLUMNS])
{
	const struct verdict_direction *i = &v->dir[SIDE_INITIATOR], *r = &v->dir[SIDE_RESPONDER];

	row[ROW_ID] = ids->id;
	row[ROW_OUTCOME] = ids->outcome;
	row[ROW_FIRST_NS] = v->first_ns;
	row[ROW_DURATION_NS] = v->last_ns - v->first_ns;
	row[ROW_INITIATOR] = ids->initiator;
	row[ROW_RESPONDER] = ids->responder;
	row[ROW_PORTS] = (int64_t)r->port << 16 | i->port;
	row[ROW_APPLICATION] = ids->application == 0 ? ROW_NULL : ids->application;
	row[ROW_PATH] = ids->path == 0 ? ROW_NULL : ids->path;
	row[ROW_CAPTURE] = store->capture_base + v->file;
	row[ROW_FIRST_PACKET] = (int64_t)v->first_packet;
	row[ROW_HISTORY] = ids->history;
	put_direction(row, v, SIDE_INITIATOR);
	put_direction(row, v, SIDE_RESPONDER);
	row[ROW_ISNS] = halves(i->isn, r->isn);
	row[ROW_FIN_PAYLOADS] = halves(fin_payload(i), fin_payload(r));
	row[ROW_HANDSHAKE_RTT_NS] = or_null(v->handshake_rtt_ns);
	row[ROW_TIME_WAIT_OBSERVED_NS] = or_null(observed_to_store(store, v));
}

static bool add_to_block(struct store *store, const struct verdict *v, const struct row_ids *ids,
			 struct error *err)
{
	struct block_entry entry = {.id = ids->id,
				    .first_ns = v->first_ns,
				    .duration_ns = v->last_ns - v->first_ns,
				    .value = {
					    [BLOCK_OUTCOMES] = ids->outcome,
					    [BLOCK_INITIATORS] = ids->initiator,
					    [BLOCK_RESPONDERS] = ids->responder,
					    [BLOCK_INITIATOR_PORTS] = v->dir[SIDE_INITIATOR].port,
					    [BLOCK_RESPONDER_PORTS] = v->dir[SIDE_RESPONDER].port,
					    [BLOCK_PATHS] = ids->path,
					    [BLOCK_APPLICATIONS] = ids->application,
				    }};

	return blocks_add(store->blocks, &entry, err) || store_failed(store, err);
}

static bool add_connection(struct store *store, const struct verdict *v,
			   enum timeline_kind timeline, int64_t id, struct error *err)
{
	struct connection_row *row = row_feed_place(store->feed);
	struct row_ids ids = {.id = id};

	if (!row)
		return store_failed(store, err);
	if (!find_ids(store, v, timeline, &ids, err))
		return false;
	put_row(store, v, &ids, row->value);
	row_feed_took(store->feed);
	if (!add_to_block(store, v, &ids, err))
		return false;
	return summaries_add(store->summaries, v, ids.outcome, err) || store_failed(store, err);
}

/* What waits in the feeds. */
static bool insert_rows(struct store *store, struct error *err)
{
	return (row_feed_insert(store->feed) && finding_feed_insert(store->findings)) ||
	       store_failed(store, err);
}

bool connection_flush(struct store *store, struct error *err)
{
	return insert_rows(store, err) &&
	       (blocks_flush(store->blocks, err) || store_failed(store, err));
}

/* Details have numbers in them, but for nDPI's risks: a few sentences, each of many connections. Of its own, so
 * that what has no findings need not save the registers for it. */
static __attribute__((noinline)) bool add_findings(struct store *store, const struct verdict *v,
						   int64_t id, struct error *err)
{
	for (size_t n = 0; n < v->finding_count; n++) {
		const struct finding *f = &v->findings[n];
		int64_t detail_id = 0;

		if (f->code == FINDING_DPI_RISK &&
		    !dictionary_detail(store->dictionaries, f->detail, &detail_id, err))
			return store_failed(store, err);
		if (!finding_feed_add(store->findings, id, (int64_t)n, f,
				      store->capture_base + f->file, detail_id))
			return store_failed(store, err);
		store->added |= 1U << ADD_FINDING;
	}
	return true;
}

static bool add_mark_hits(struct store *store, const struct verdict *v, int64_t id,
			  struct error *err)
{
	sqlite3_stmt *s = store->statement[ADD_MARK_HIT];

	for (size_t n = 0; n < v->mark_count; n++) {
		const struct mark_hit *hit = &v->marks[n];

		sqlite3_bind_int64(s, 1, id);
		sqlite3_bind_int64(s, 2, (int64_t)n);
		sqlite3_bind_int64(s, 3, store->mark_ids[hit->mark]);
		sqlite3_bind_int(s, 4, hit->side);
		bind_count(s, 5, hit->offset);
		sqlite3_bind_int64(s, 6, hit->at.ts_ns);
		bind_count(s, 7, hit->at.packet);
		sqlite3_bind_int64(s, 8, store->capture_base + hit->at.file);
		bind_count(s, 9, hit->count);
		if (!store_run(store, ADD_MARK_HIT, err))
			return false;
	}
	return true;
}

static bool add_ladder(struct store *store, const struct verdict *v, int64_t id, struct error *err)
{
	struct ladder_base base = {
		.first_ns = v->first_ns,
		.first_packet = v->first_packet,
		.file = v->file,
		.isn = {v->dir[SIDE_INITIATOR].isn, v->dir[SIDE_RESPONDER].isn},
	};
	sqlite3_stmt *s = store->statement[ADD_LADDER];
	size_t room = v->ladder_count * LADDER_SEGMENT_MAX, size;

	if (v->ladder_count == 0)
		return true;
	if (room > store->ladder_room) {
		uint8_t *grown = realloc(store->ladder, room);

		if (!grown)
			return error_set(err, "out of memory");
		store->ladder = grown;
		store->ladder_room = room;
	}
	size = ladder_pack(&base, v->ladder, v->ladder_count, store->ladder);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_blob(s, 2, store->ladder, (int)size, SQLITE_STATIC);
	return store_run(store, ADD_LADDER, err);
}

/* *outcome: 0 where the connection is not there any more. *first_ns: as it was told then. */
static bool find_outcome(struct store *store, int64_t id, int64_t *outcome, int64_t *first_ns,
			 struct error *err)
{
	sqlite3_stmt *s = store->statement[FIND_OUTCOME];
	int step;

	sqlite3_bind_int64(s, 1, id);
	step = sqlite3_step(s);
	*outcome = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	*first_ns = sqlite3_column_int64(s, 1);
	sqlite3_reset(s);
	return step == SQLITE_ROW || step == SQLITE_DONE || store_failed(store, err);
}

bool connection_settle(struct store *store, const struct verdict *verdict, struct error *err)
{
	int64_t id = store->first_connection + (int64_t)verdict->number - 1;
	int64_t before, outcome, first_ns;
	sqlite3_stmt *s = store->statement[SETTLE_CONNECTION];

	if (!verdict_is_regular(verdict))
		return connection_add(store, verdict, err);
	if (!dictionary_outcome(store->dictionaries, verdict, TIMELINE_REGULAR, &outcome, err))
		return store_failed(store, err);
	if (!find_outcome(store, id, &before, &first_ns, err))
		return false;
	if (before != 0 && before != outcome &&
	    !summaries_move(store->summaries, verdict, first_ns, before, outcome, err))
		return store_failed(store, err);
	if (before != 0 && !blocks_set_outcome(store->blocks, id, outcome, err))
		return store_failed(store, err);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, outcome);
	bind_ns(s, 3, observed_to_store(store, verdict));
	return store_run(store, SETTLE_CONNECTION, err);
}

bool connection_put(struct store *store, const struct verdict *verdict, struct error *err)
{
	bool regular = verdict_is_regular(verdict);
	int64_t id = store->next_connection;

	if (verdict->number > 0)
		id = store->first_connection + (int64_t)verdict->number - 1;
	if (verdict->again && !insert_rows(store, err))
		return false;
	if (verdict->again && !again_drop(store, verdict->number, id, err))
		return false;
	store->added = 0;
	if (!add_connection(store, verdict, regular ? TIMELINE_REGULAR : TIMELINE_STORED, id,
			    err) ||
	    !side_rows_add(store, verdict, regular, id, err) ||
	    (verdict->finding_count > 0 && !add_findings(store, verdict, id, err)) ||
	    !add_mark_hits(store, verdict, id, err) || !add_ladder(store, verdict, id, err))
		return false;
	again_note(store->again, verdict->number, store->added);
	if (id >= store->next_connection)
		store->next_connection = id + 1;
	return true;
}

bool connection_add(struct store *store, const struct verdict *verdict, struct error *err)
{
	if (!connection_put(store, verdict, err))
		return false;
	return insert_rows(store, err);
}
