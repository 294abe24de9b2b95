#include "tests/store_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/block_column.h"
#include "db/blocks.h"

size_t feed_file_count(const struct feed *feed)
{
	return feed->count;
}

const struct feed_file *feed_file(const struct feed *feed, size_t index)
{
	return &feed->file[index];
}

static const uint32_t ethernet_and_cooked[] = {1, 113};

struct feed scene_feed(const char *path, const char *real_path)
{
	struct feed feed = {.count = 1};

	feed.file[0] = (struct feed_file){
		.path = path,
		.real_path = real_path,
		.format = "pcapng",
		.opened = true,
		.file_bytes = 4096,
		.modified_ns = 7,
		.packets = 12,
		.packets_filtered_out = 2,
		.bytes = 700,
		.wire_bytes = 900,
		.backwards = 1,
		.first_ns = SCENE_START_NS,
		.last_ns = SCENE_END_NS,
		.linktypes = ethernet_and_cooked,
		.linktype_count = 2,
		.interfaces = 3,
	};
	return feed;
}

struct recording scene_recording(const struct feed *feed)
{
	return (struct recording){
		.replace = true,
		.msl_ns = INT64_C(120000000000),
		.stuck_ns = INT64_C(60000000000),
		.feed = feed,
	};
}

static struct ip_address ip4(uint8_t last)
{
	return (struct ip_address){{10, 0, 0, last}};
}

/* Nothing known but the ends and the times. */
static void blank(struct verdict *v)
{
	*v = (struct verdict){
		.ip_version = 4,
		.first_packet = 1,
		.first_ns = SCENE_START_NS,
		.last_ns = SCENE_START_NS,
		.closer = SIDE_NONE,
		.end_reason = END_CAPTURE_END,
		.time_wait_holder = SIDE_NONE,
		.time_wait_entry_ns = NONE_NS,
		.time_wait_observed_ns = NONE_NS,
		.reuse_delay_ns = NONE_NS,
		.close_wait_ns = NONE_NS,
		.fin_wait_1_ns = NONE_NS,
		.fin_wait_2_ns = NONE_NS,
		.last_ack_ns = NONE_NS,
		.closing_ns = NONE_NS,
		.rst_by = SIDE_NONE,
		.rst_silence_ns = NONE_NS,
		.handshake_rtt_ns = NONE_NS,
		.rst_idle_ns = NONE_NS,
		.rst_ns = NONE_NS,
		.end_ns = NONE_NS,
		.fin_silence_ns = NONE_NS,
		.history = "",
	};
	for (int side = 0; side < SIDES; side++) {
		v->dir[side].address = ip4((uint8_t)(side + 1));
		v->dir[side].port = side == SIDE_INITIATOR ? 40000 : 80;
		v->dir[side].fin_acked_after_ns = NONE_NS;
	}
}

void scene_unanswered(struct scene_verdict *scene)
{
	struct verdict *v = &scene->v;

	blank(v);
	v->teardown = TEARDOWN_UNANSWERED;
	v->dir[SIDE_INITIATOR].seen = true;
	v->dir[SIDE_INITIATOR].isn_known = true;
	v->dir[SIDE_INITIATOR].isn = 4000000000;
	v->dir[SIDE_INITIATOR].packets = 1;
	v->conn_state = ZEEK_S0;
	v->history = "S";
}

static void set_direction(struct verdict_direction *d, uint32_t isn, uint64_t bytes, int64_t fin_ns,
			  int64_t acked_after_ns)
{
	d->seen = true;
	d->isn_known = true;
	d->isn = isn;
	d->packets = 5;
	d->bytes = bytes;
	d->fin_check = FIN_OK;
	d->fin_seq = isn + 1 + (uint32_t)bytes; /* wraps for the initiator */
	d->fin_ns = fin_ns;
	d->fin_acked_after_ns = acked_after_ns;
}

void scene_clean(struct scene_verdict *scene, unsigned number)
{
	struct verdict *v = &scene->v;
	int64_t start = SCENE_START_NS + (int64_t)number * 1000000;
	int64_t fin_x = start + 400000, acked_x = start + 430000;
	int64_t fin_y = start + 500000, acked_y = start + 520000;

	blank(v);
	v->first_packet = 10 * number + 1;
	v->first_ns = start;
	v->last_ns = acked_y;
	v->dir[SIDE_INITIATOR].port = (uint16_t)(40000 + number);
	set_direction(&v->dir[SIDE_INITIATOR], 4294967290, 100, fin_x, acked_x - fin_x);
	set_direction(&v->dir[SIDE_RESPONDER], 1000, 2000, fin_y, acked_y - fin_y);
	v->teardown = TEARDOWN_FOUR_WAY;
	v->complete = true;
	v->clean = true;
	v->closer = SIDE_INITIATOR;
	v->end_reason = END_CLOSED;
	v->time_wait_holder = SIDE_INITIATOR;
	v->time_wait_check = TIME_WAIT_UNVERIFIED;
	v->time_wait_entry_ns = acked_y;
	v->time_wait_observed_ns = SCENE_END_NS - acked_y;
	v->fin_wait_1_ns = acked_x - fin_x;
	v->fin_wait_2_ns = acked_y - acked_x;
	v->close_wait_ns = fin_y - acked_x;
	v->last_ack_ns = acked_y - fin_y;
	v->conn_state = ZEEK_SF;
	v->history = "ShADadFf";
	v->handshake_rtt_ns = 150000;
	v->end_ns = acked_y;

	scene->timeline[0] = (struct state_entry){0, STATE_FIN_WAIT_1, fin_x, v->fin_wait_1_ns};
	scene->timeline[1] = (struct state_entry){0, STATE_FIN_WAIT_2, acked_x, v->fin_wait_2_ns};
	scene->timeline[2] = (struct state_entry){0, STATE_TIME_WAIT, acked_y,
						  v->time_wait_observed_ns};
	scene->timeline[3] = (struct state_entry){1, STATE_CLOSE_WAIT, acked_x, v->close_wait_ns};
	scene->timeline[4] = (struct state_entry){1, STATE_LAST_ACK, fin_y, v->last_ack_ns};
	scene->timeline[5] = (struct state_entry){1, STATE_CLOSED, acked_y, NONE_NS};
	v->timeline = scene->timeline;
	v->timeline_count = 6;
}

static void full_direction(struct verdict_direction *d, int side)
{
	uint32_t n = (uint32_t)side + 1;

	*d = (struct verdict_direction){
		.address = {{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)n}},
		.port = side == SIDE_INITIATOR ? 65535 : 443,
		.vlan_tags = side == SIDE_INITIATOR ? 100 | 200 << 12 : 4095,
		.seen = true,
		.isn_known = side == SIDE_RESPONDER,
		.isn = 3000000000 + n,
		.packets = 11 * n,
		.bytes = UINT64_C(5000000000) * n, /* more than the sequence space */
		.retransmitted = 13 * n,
		.missing = 17 * n,
		.fin_check = side == SIDE_INITIATOR ? FIN_VIOLATED : FIN_UNVERIFIED,
		.fin_seq = side == SIDE_INITIATOR ? 5 : 4294967295,
		.fin_payload = 19 * n,
		.fin_retransmissions = 23 * n,
		.fin_ns = SCENE_START_NS + 5000 * n,
		.fin_acked_after_ns = side == SIDE_INITIATOR ? 29 : NONE_NS,
	};
}

static const struct application google = {
	.name = "TLS.Google", .category = "Web", .server_name = "www.example.com"};

static void full_parts(struct scene_verdict *scene)
{
	struct verdict *v = &scene->v;

	scene->timeline[0] = (struct state_entry){0, STATE_FIN_WAIT_1, SCENE_START_NS + 5000, 30};
	scene->timeline[1] = (struct state_entry){1, STATE_CLOSE_WAIT, SCENE_START_NS + 5029, 31};
	scene->timeline[2] = (struct state_entry){1, STATE_CLOSED, SCENE_START_NS + 5060, NONE_NS};
	v->timeline = scene->timeline;
	v->timeline_count = 3;
	scene->finding[0] = (struct finding){
		.code = FINDING_RST_INJECTED,
		.severity = SEVERITY_ERROR,
		.side = SIDE_RESPONDER,
		.ts_ns = SCENE_START_NS + 6000,
		.packet = 99,
		.count = 5,
		.detail = "The TTL was 3, 64 before.",
	};
	scene->finding[1] = (struct finding){
		.code = FINDING_TRACKING_LIMIT,
		.severity = SEVERITY_INFO,
		.side = SIDE_NONE,
		.ts_ns = SCENE_START_NS + 7000,
		.count = 1,
		.detail = "It's full.",
	};
	v->findings = scene->finding;
	v->finding_count = 2;
	for (unsigned i = 0; i < 3; i++)
		scene->ladder[i] = (struct ladder_segment){
			.ts_ns = SCENE_START_NS + 100 - 40 * (int64_t)i, /* backwards */
			.packet = 8 + i,
			.seq = i - 2,
			.ack = i == 0 ? 0 : 7,
			.payload_len = i * 1460,
			.window = 65535 - i,
			.flags = i == 0 ? TCP_SYN : TCP_ACK | TCP_CWR,
			.from = i & 1,
			.ttl = (uint8_t)(255 - i),
			.after_gap = i == 2,
		};
	v->ladder = scene->ladder;
	v->ladder_count = 3;
}

void scene_full(struct scene_verdict *scene)
{
	struct verdict *v = &scene->v;

	*v = (struct verdict){
		.ip_version = 6,
		.first_packet = 7,
		.tunnel = {2, {{TUNNEL_GRE, 5}, {TUNNEL_VXLAN, 42}}},
		.midstream = true,
		.first_ns = SCENE_START_NS,
		.last_ns = SCENE_START_NS + 90000,
		.duplicates = 3,
		.teardown = TEARDOWN_RST_AFTER_FIN,
		.complete = true,
		.closer = SIDE_BOTH,
		.end_reason = END_RESET,
		.half_close_bytes = 77,
		.time_wait_holder = SIDE_BOTH,
		.time_wait_check = TIME_WAIT_REUSED_EARLY,
		.time_wait_entry_ns = SCENE_START_NS + 8000,
		.time_wait_observed_ns = 41,
		.time_wait_restarts = 2,
		.reuse_delay_ns = 43,
		.reuse_by = REUSE_BY_PEER,
		.reuse_rule = REUSE_RULE_NONE,
		.reuse_answer = REUSE_ANSWER_SYN_ACK,
		.close_wait_ns = 31,
		.fin_wait_1_ns = 30,
		.fin_wait_2_ns = 47,
		.last_ack_ns = 53,
		.closing_ns = 59,
		.rst_by = SIDE_RESPONDER,
		.rst_stage = RST_STAGE_CLOSE_WAIT,
		.rst_cause = RST_CAUSE_UNREAD_DATA,
		.rst_silence_ns = 61,
		.rst_form = RST_FORM_SEVERAL,
		.rst_ttl = 5,
		.rst_sender_ttl = 6,
		.rst_idle_ns = 1000000061,
		.rst_injected = true,
		.rst_in_window = 67,
		.rst_out_of_window = 71,
		.conn_state = ZEEK_RSTR,
		.history = "DdFfr",
		.handshake_rtt_ns = 73,
		.rst_ns = SCENE_START_NS + 80000,
		.end_ns = SCENE_START_NS + 81000,
		.application = &google,
		.fin_silence_ns = 5000999999,
	};
	full_direction(&v->dir[SIDE_INITIATOR], SIDE_INITIATOR);
	full_direction(&v->dir[SIDE_RESPONDER], SIDE_RESPONDER);
	full_parts(scene);
}

bool scene_commit(struct store *store, const struct recording *recording, struct error *err)
{
	struct decode_counts decoded = {.fragments = 4, .tunnelled = 5};
	struct engine_counts engine = {.segments = 6, .evicted = 7, .peak_memory = 8};

	decoded.reason[DECODED_SEGMENT] = 10;
	decoded.reason[SKIP_UDP] = 3;
	return store_commit(store, recording, &decoded, &engine, err);
}

int64_t scene_store(struct store *store, const struct recording *recording, unsigned count)
{
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id = 0;

	if (!store_begin(store, recording, &id, &err))
		fail_msg("store_begin: %s", err.text);
	for (unsigned i = 0; i < count; i++) {
		scene_clean(&scene, i);
		if (!store_verdict(store, &scene.v, &err))
			fail_msg("store_verdict: %s", err.text);
	}
	if (!scene_commit(store, recording, &err))
		fail_msg("store_commit: %s", err.text);
	return id;
}

struct store *scene_open(const char *path, enum store_mode mode)
{
	struct error err = {{0}};
	struct store *store = store_open(path, mode, &err);

	if (!store)
		fail_msg("store_open: %s", err.text);
	return store;
}

void scene_store_file(const char *path, const char *real_path, unsigned count)
{
	struct feed feed = scene_feed("given.pcap", real_path);
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(path, STORE_WRITE);

	scene_store(store, &recording, count);
	store_close(store);
}

void scene_expect_refusal(const char *path, enum store_mode mode, const char *reason)
{
	struct error err = {{0}};

	assert_null(store_open(path, mode, &err));
	if (!strstr(err.text, path) || !strstr(err.text, reason))
		fail_msg("\"%s\" does not name %s and \"%s\"", err.text, path, reason);
}

/* What the summaries say, less what the rows say, is nothing, and the other way round. */
#define UNEQUAL(summed, counted)                                        \
	"SELECT * FROM (SELECT * FROM (" summed ") EXCEPT " counted ")" \
	" UNION ALL SELECT * FROM (SELECT * FROM (" counted ") EXCEPT " summed ")"

static const char unsummed[] = UNEQUAL(
	"SELECT p.recording_id, c.first_ns / 3600000000000, c.outcome_id, count(*),"
	" sum(c.bytes_initiator + c.bytes_responder),"
	" sum(t.retransmitted_initiator + t.retransmitted_responder),"
	" sum(t.missing_initiator + t.missing_responder), sum(t.rst_in_window),"
	" sum(t.rst_out_of_window), sum(t.time_wait_restarts)"
	" FROM connections AS c JOIN captures AS p ON p.id = c.capture_id"
	" JOIN teardowns AS t ON t.connection_id = c.id GROUP BY 1, 2, 3",
	"SELECT * FROM summaries");

static const char unsummed_findings[] = UNEQUAL(
	"SELECT p.recording_id, c.first_ns / 3600000000000, f.code_id, f.severity,"
	" count(DISTINCT c.id), sum(f.count) FROM finding_rows AS f"
	" JOIN connections AS c ON c.id = f.connection_id"
	" JOIN captures AS p ON p.id = c.capture_id GROUP BY 1, 2, 3, 4",
	"SELECT * FROM finding_summaries");

/* What a block tells of one of its connections, of a kind. */
static int64_t told_value(sqlite3 *db, int kind, int64_t id)
{
	sqlite3_stmt *s;
	struct place_set places;
	struct column_reader column;
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT places, list FROM blocks LEFT JOIN block_values ON block_id = id AND kind "
		 "= %d"
		 " WHERE id = %lld",
		 kind, (long long)block_of(id));
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	places = block_places(s, 0);
	column = column_reader_of(sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
	assert_true(place_has(&places, (size_t)(id % BLOCK_SIZE)));
	if (column.bytes.left == 0)
		column.value = 0;
	for (size_t place = 0; place <= (size_t)(id % BLOCK_SIZE); place++)
		if (place_has(&places, place) && sqlite3_column_bytes(s, 1) > 0)
			assert_true(column_reader_next(&column));
	sqlite3_finalize(s);
	return column.value;
}

/* Blocks tell of every connection what its row says. */
static void expect_blocks(const char *path)
{
	static const char sql[] =
		"SELECT c.id, c.first_ns / 1000000, outcome_id, initiator_id, responder_id,"
		" ports & 65535, ports >> 16, path_id, application_id,"
		" c.first_ns BETWEEN b.first_ns AND b.first_max_ns AND"
		" c.duration_ns BETWEEN b.duration_min_ns AND b.duration_max_ns AND"
		" c.first_ns + c.duration_ns >= b.last_ns"
		" FROM connections AS c LEFT JOIN blocks AS b ON b.id = c.id / 256";
	sqlite3_stmt *s;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		assert_int_equal(sqlite3_column_int(s, 1 + BLOCK_KINDS), 1);
		for (int kind = 0; kind < BLOCK_KINDS; kind++)
			assert_int_equal(told_value(db, kind, sqlite3_column_int64(s, 0)),
					 sqlite3_column_int64(s, 1 + kind));
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}

void scene_expect_sound(const char *path)
{
	expect_blocks(path);
	assert_string_equal(scene_file_value(path, "PRAGMA integrity_check"), "ok");
	assert_string_equal(scene_file_value(path, "PRAGMA foreign_key_check"), "-");
	assert_string_equal(scene_file_value(path, unsummed), "-");
	assert_string_equal(scene_file_value(path, unsummed_findings), "-");
}

char *scene_folder(void)
{
	const char *parent = getenv("TMPDIR");
	char template[160];

	snprintf(template, sizeof(template), "%s/lastack-store-XXXXXX", parent ? parent : P_tmpdir);
	assert_non_null(mkdtemp(template));
	return strdup(template);
}

void scene_remove(char *folder)
{
	char command[192];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	assert_int_equal(system(command), 0);
	free(folder);
}

const char *scene_path(const char *folder, const char *name)
{
	static char path[4][256];
	static unsigned next;

	snprintf(path[next % 4], sizeof(path[0]), "%s/%s", folder, name);
	return path[next++ % 4];
}

const char *scene_value(sqlite3 *db, const char *sql)
{
	static char value[4][1024];
	static unsigned next;
	char *out = value[next++ % 4];
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(s) != SQLITE_ROW)
		snprintf(out, sizeof(value[0]), "-");
	else if (sqlite3_column_type(s, 0) == SQLITE_NULL)
		snprintf(out, sizeof(value[0]), "NULL");
	else
		snprintf(out, sizeof(value[0]), "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return out;
}

const char *scene_file_value(const char *path, const char *sql)
{
	const char *value;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	value = scene_value(db, sql);
	sqlite3_close(db);
	return value;
}

struct scene_bytes scene_read(const char *path)
{
	struct scene_bytes b = {0};
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	b.size = (size_t)ftell(file);
	rewind(file);
	b.bytes = malloc(b.size + 1);
	assert_non_null(b.bytes);
	assert_int_equal(fread(b.bytes, 1, b.size, file), b.size);
	fclose(file);
	return b;
}

void scene_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

void scene_assert_unchanged(const char *path, struct scene_bytes before)
{
	struct scene_bytes after = scene_read(path);

	assert_int_equal(after.size, before.size);
	assert_memory_equal(after.bytes, before.bytes, before.size);
	free(after.bytes);
	free(before.bytes);
}
