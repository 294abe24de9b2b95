/* The store: schema, what of a verdict comes back out of the view, one recording replacing another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/ladder.h"
#include "db/schema.h"
#include "tests/store_scene.h"

/* One recording of one file that holds this verdict alone. */
static struct store *store_of(const struct scene_verdict *scene)
{
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct feed feed = scene_feed("dir/a.pcap", "/real/a.pcap");
	struct recording recording = scene_recording(&feed);
	struct error err = {{0}};
	int64_t id;

	assert_true(store_begin(store, &recording, &id, &err));
	if (!store_verdict(store, &scene->v, &err))
		fail_msg("store_verdict: %s", err.text);
	if (!scene_commit(store, &recording, &err))
		fail_msg("store_commit: %s", err.text);
	return store;
}

/* The contract's list, in its order. */
static const char contract_columns[] =
	"connection_id|capture|initiator_ip|initiator_port|responder_ip|responder_port|"
	"vlan|midstream|first_ns|last_ns|packets_initiator|packets_responder|"
	"duplicates|bytes_initiator|bytes_responder|retransmitted_initiator|"
	"retransmitted_responder|missing_initiator|missing_responder|teardown|complete|"
	"closer|end_reason|half_close_bytes|fin_check_initiator|fin_check_responder|"
	"fin_seq_initiator|fin_seq_responder|fin_payload_initiator|"
	"fin_payload_responder|fin_retransmissions_initiator|"
	"fin_retransmissions_responder|fin_acked_after_ns_initiator|"
	"fin_acked_after_ns_responder|time_wait_holder|time_wait_check|"
	"time_wait_entry_ns|time_wait_observed_ns|time_wait_restarts|reuse_delay_ns|"
	"reuse_by|reuse_rule|reuse_answer|close_wait_ns|fin_wait_1_ns|fin_wait_2_ns|"
	"last_ack_ns|rst_by|rst_stage|rst_cause|rst_silence_ns|rst_injected|"
	"rst_in_window|rst_out_of_window|application|application_category|conn_state|"
	"history|tunnel|handshake_rtt_ns|fin_ns_initiator|fin_ns_responder|rst_ns|"
	"end_ns|closing_ns|application_guessed|server_name|fin_silence_ns|rst_form|rst_ttl|"
	"rst_sender_ttl|rst_idle_ns";

/* The text before the next '|'; the rest in *list, NULL behind the last one. */
static const char *next_item(const char **list)
{
	static char item[4][64];
	static unsigned next;
	char *out = item[next++ % 4];
	size_t length = strcspn(*list, "|");

	assert_true(length < sizeof(item[0]));
	memcpy(out, *list, length);
	out[length] = '\0';
	*list = (*list)[length] == '|' ? *list + length + 1 : NULL;
	return out;
}

/* The only row of the view against the expected text of every column, "NULL" for NULL. */
static void expect_row(struct store *store, const char *expected)
{
	const char *names = contract_columns;
	sqlite3_stmt *s;

	assert_int_equal(
		sqlite3_prepare_v2(store_handle(store), "SELECT * FROM teardowns", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	for (int i = 0; names; i++) {
		const char *name = next_item(&names), *want = next_item(&expected);
		const char *text = (const char *)sqlite3_column_text(s, i);

		if (strcmp(text ? text : "NULL", want) != 0)
			fail_msg("%s is %s, expected %s", name, text ? text : "NULL", want);
	}
	assert_null(expected);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
}

static void test_schema(void **state)
{
	struct scene_verdict scene;
	struct store *store;
	sqlite3 *db;

	(void)state;
	scene_clean(&scene, 0);
	store = store_of(&scene);
	db = store_handle(store);
	assert_string_equal(scene_value(db, "PRAGMA application_id"), "1280529473"); /* LSTA */
	assert_string_equal(scene_value(db, "PRAGMA user_version"), "7");
	assert_string_equal(scene_value(db, "SELECT count(*) FROM pragma_table_list WHERE type ="
					    " 'table' AND name NOT LIKE 'sqlite%' AND NOT strict"),
			    "0");
	assert_string_equal(scene_value(db, "SELECT group_concat(name) FROM"
					    " pragma_table_info('findings')"),
			    "connection_id,code,severity,side,ts_ns,packet,count,detail");
	assert_string_equal(scene_value(db, "SELECT count(*) FROM finding_codes"), "31");
	assert_string_equal(scene_value(db,
					"SELECT count(*) FROM sqlite_schema WHERE type = 'index'"
					" AND sql IS NOT NULL"),
			    "4");
	store_close(store);
}

static void test_view_has_the_contracts_columns(void **state)
{
	const char *names = contract_columns;
	struct scene_verdict scene;
	struct store *store;
	sqlite3_stmt *s;
	int columns;

	(void)state;
	scene_clean(&scene, 0);
	store = store_of(&scene);
	assert_int_equal(
		sqlite3_prepare_v2(store_handle(store), "SELECT * FROM teardowns", -1, &s, NULL),
		SQLITE_OK);
	for (columns = 0; names; columns++)
		assert_string_equal(sqlite3_column_name(s, columns), next_item(&names));
	assert_int_equal(sqlite3_column_count(s), columns);
	sqlite3_finalize(s);
	store_close(store);
}

/* The ten names a script sees most have these types; the others follow the same expressions. */
static void test_types_of_the_view(void **state)
{
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_full(&scene);
	store = store_of(&scene);
	assert_string_equal(
		scene_value(
			store_handle(store),
			"SELECT typeof(connection_id) || typeof(first_ns) || typeof(midstream) ||"
			" typeof(teardown) || typeof(initiator_ip) || typeof(fin_seq_initiator) ||"
			" typeof(rst_ns) || typeof(tunnel) FROM teardowns"),
		"integerintegerintegertexttextintegerintegertext");
	store_close(store);
}

static void test_clean_close_round_trip(void **state)
{
	static const char expected[] =
		"1|dir/a.pcap|10.0.0.1|40000|10.0.0.2|80|NULL|0|1700000000000000000|"
		"1700000000000520000|5|5|0|100|2000|0|0|0|0|four_way|1|initiator|closed|0|ok|"
		"ok|95|3001|0|0|0|0|30000|20000|initiator|unverified|1700000000000520000|"
		"59999480000|0|NULL|NULL|NULL|NULL|70000|30000|90000|20000|NULL|NULL|NULL|NULL|"
		"0|0|0|NULL|NULL|SF|ShADadFf|NULL|150000|1700000000000400000|"
		"1700000000000500000|NULL|1700000000000520000|NULL|NULL|NULL|NULL|NULL|NULL|NULL|"
		"NULL";
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_clean(&scene, 0);
	store = store_of(&scene);
	expect_row(store, expected);
	assert_string_equal(scene_value(store_handle(store), "SELECT timeline FROM outcomes"), "1");
	assert_string_equal(scene_value(store_handle(store), "SELECT count(*) FROM states"), "0");
	store_close(store);
}

static void test_full_verdict_round_trip(void **state)
{
	static const char expected[] =
		"1|dir/a.pcap|2001:db8::1|65535|2001:db8::2|443|100|1|1700000000000000000|"
		"1700000000000090000|11|22|3|5000000000|10000000000|13|26|17|34|rst_after_fin|"
		"1|both|reset|77|violated|unverified|5|4294967295|19|38|23|46|29|NULL|both|"
		"reused_early|1700000000000008000|41|2|43|peer|none|syn_ack|31|30|47|53|"
		"responder|close_wait|unread_data|61|1|67|71|TLS.Google|Web|RSTR|DdFfr|"
		"gre(key 5) > vxlan(vni 42)|73|1700000000000005000|1700000000000010000|"
		"1700000000000080000|1700000000000081000|59|0|www.example.com|5000000000|several|5|"
		"6|1000000061";
	struct scene_verdict scene;
	struct store *store;
	sqlite3 *db;

	(void)state;
	scene_full(&scene);
	store = store_of(&scene);
	db = store_handle(store);
	expect_row(store, expected);
	assert_string_equal(scene_value(db, "SELECT (isns >> 32 & 4294967295) || ' ' ||"
					    " (isns & 4294967295) FROM connections"),
			    "3000000001 3000000002");
	assert_string_equal(scene_value(db, "SELECT seen_initiator || seen_responder ||"
					    " isn_known_initiator || isn_known_responder || clean"
					    " FROM outcomes"),
			    "11010");
	assert_string_equal(scene_value(db, "SELECT vlans_initiator || ' ' || vlans_responder"
					    " FROM paths"),
			    "100,200 4095");
	assert_string_equal(scene_value(db, "SELECT first_packet FROM connections"), "7");
	store_close(store);
}

static void test_absent_is_null(void **state)
{
	static const char expected[] =
		"1|dir/a.pcap|10.0.0.1|40000|10.0.0.2|80|NULL|0|1700000000000000000|"
		"1700000000000000000|1|0|0|0|0|0|0|0|0|unanswered|0|none|capture_end|0|none|"
		"none|NULL|NULL|NULL|NULL|0|0|NULL|NULL|none|not_applicable|NULL|NULL|0|NULL|"
		"NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|0|0|0|NULL|NULL|S0|S|"
		"NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL";
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_unanswered(&scene);
	store = store_of(&scene);
	expect_row(store, expected);
	store_close(store);
}

static void test_responders_vlan_where_the_initiator_sent_nothing(void **state)
{
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_full(&scene);
	scene.v.dir[SIDE_INITIATOR].seen = false;
	scene.v.dir[SIDE_INITIATOR].vlan_tags = 0;
	store = store_of(&scene);
	assert_string_equal(scene_value(store_handle(store), "SELECT vlan FROM teardowns"), "4095");
	store_close(store);
}

/* Every row of timeline as side, state, entry since the start, dwell. */
#define TIMELINE_SQL                                                                             \
	"SELECT group_concat(r, '; ') FROM (SELECT side || ' ' || state || ' ' ||"               \
	" (entry_ns - 1700000000000000000) || ' ' || coalesce(dwell_ns, '-') AS r FROM timeline" \
	" ORDER BY position)"

static void test_timeline(void **state)
{
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_clean(&scene, 0);
	store = store_of(&scene);
	assert_string_equal(scene_value(store_handle(store), TIMELINE_SQL),
			    "initiator FIN_WAIT_1 400000 30000; initiator FIN_WAIT_2 430000 90000; "
			    "initiator TIME_WAIT 520000 59999480000; "
			    "responder CLOSE_WAIT 430000 70000; responder LAST_ACK 500000 20000; "
			    "responder CLOSED 520000 -");
	store_close(store);
	scene_full(&scene);
	store = store_of(&scene);
	assert_string_equal(scene_value(store_handle(store), TIMELINE_SQL),
			    "initiator FIN_WAIT_1 5000 30; responder CLOSE_WAIT 5029 31; "
			    "responder CLOSED 5060 -");
	store_close(store);
}

/* The responder closes first, ACK and FIN merged: what follows from the times, and the same verdict
 * with one dwell that does not. */
static void test_three_segment_by_the_responder(void **state)
{
	static const char dwells[] =
		"SELECT fin_wait_1_ns || ' ' || coalesce(fin_wait_2_ns, '-') ||"
		" ' ' || coalesce(close_wait_ns, '-') || ' ' || last_ack_ns"
		" FROM teardowns";
	struct scene_verdict scene;
	struct verdict *v = &scene.v;
	struct store *store;
	int64_t t = SCENE_START_NS;

	(void)state;
	scene_clean(&scene, 0);
	v->teardown = TEARDOWN_THREE_SEGMENT;
	v->closer = v->time_wait_holder = SIDE_RESPONDER;
	v->dir[SIDE_RESPONDER].fin_ns = t + 400000;
	v->dir[SIDE_RESPONDER].fin_acked_after_ns = 100000;
	v->dir[SIDE_INITIATOR].fin_ns = t + 500000;
	v->dir[SIDE_INITIATOR].fin_acked_after_ns = 20000;
	v->fin_wait_1_ns = 120000;
	v->fin_wait_2_ns = v->close_wait_ns = NONE_NS;
	scene.timeline[0] = (struct state_entry){0, STATE_LAST_ACK, t + 500000, 20000};
	scene.timeline[1] = (struct state_entry){0, STATE_CLOSED, t + 520000, NONE_NS};
	scene.timeline[2] = (struct state_entry){1, STATE_FIN_WAIT_1, t + 400000, 120000};
	scene.timeline[3] = (struct state_entry){1, STATE_TIME_WAIT, t + 520000,
						 v->time_wait_observed_ns};
	v->timeline_count = 4;
	for (int odd = 0; odd < 2; odd++) {
		v->last_ack_ns = scene.timeline[0].dwell_ns = 20000 + odd;
		store = store_of(&scene);
		assert_string_equal(
			scene_value(store_handle(store), "SELECT timeline FROM outcomes"),
			odd ? "0" : "1");
		assert_string_equal(scene_value(store_handle(store), dwells),
				    odd ? "120000 - - 20001" : "120000 - - 20000");
		assert_non_null(
			strstr(scene_value(store_handle(store), TIMELINE_SQL),
			       odd ? "initiator LAST_ACK 500000 20001; initiator CLOSED 520000"
				   : "initiator LAST_ACK 500000 20000; initiator CLOSED 520000"));
		store_close(store);
	}
}

static void test_time_wait_held_is_twice_the_msl(void **state)
{
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_clean(&scene, 0);
	scene.v.time_wait_check = TIME_WAIT_HELD;
	scene.v.time_wait_observed_ns = INT64_C(240000000000);
	scene.timeline[2].dwell_ns = scene.v.time_wait_observed_ns;
	store = store_of(&scene);
	assert_string_equal(
		scene_value(store_handle(store), "SELECT time_wait_observed_ns FROM teardowns"),
		"240000000000");
	assert_string_equal(
		scene_value(store_handle(store), "SELECT time_wait_observed_ns FROM connections"),
		"NULL");
	store_close(store);
}

/* Up to the reuse, and not: a restart moved the clock. */
static void test_time_wait_observed_up_to_the_reuse(void **state)
{
	static const char sql[] =
		"SELECT t.time_wait_observed_ns || ' ' || t.reuse_delay_ns || ' ' ||"
		" (SELECT count(*) FROM reuses) || ' ' || dwell_ns"
		" FROM teardowns AS t JOIN connections AS c ON c.id = connection_id"
		" JOIN timeline USING(connection_id) WHERE state = 'TIME_WAIT'";
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	for (int restarts = 0; restarts < 2; restarts++) {
		scene_clean(&scene, 0);
		scene.v.time_wait_check = TIME_WAIT_REUSED_OK;
		scene.v.reuse_delay_ns = 5000;
		scene.v.time_wait_restarts = (uint32_t)restarts;
		scene.v.time_wait_observed_ns = scene.timeline[2].dwell_ns = 5000 - 100 * restarts;
		store = store_of(&scene);
		assert_string_equal(scene_value(store_handle(store), sql),
				    restarts ? "4900 5000 1 4900" : "5000 5000 0 5000");
		store_close(store);
	}
}

/* Watched until different times: each keeps its own. */
static void test_time_wait_observed_differently(void **state)
{
	struct feed feed = scene_feed("a.pcap", "/real/a.pcap");
	struct recording recording = scene_recording(&feed);
	struct store *store = scene_open(":memory:", STORE_WRITE);
	struct scene_verdict scene;
	struct error err = {{0}};
	int64_t id;

	(void)state;
	assert_true(store_begin(store, &recording, &id, &err));
	for (unsigned i = 0; i < 3; i++) {
		scene_clean(&scene, i);
		if (i == 1)
			scene.timeline[2].dwell_ns = scene.v.time_wait_observed_ns = 12345;
		assert_true(store_verdict(store, &scene.v, &err));
	}
	assert_true(scene_commit(store, &recording, &err));
	assert_string_equal(
		scene_value(store_handle(store),
			    "SELECT group_concat(time_wait_observed_ns) FROM teardowns"),
		"59999480000,12345,59997480000");
	assert_string_equal(scene_value(store_handle(store),
					"SELECT count(*) FROM connections"
					" WHERE time_wait_observed_ns IS NOT NULL"),
			    "1");
	store_close(store);
}

static void test_findings(void **state)
{
	static const char sql[] =
		"SELECT group_concat(r, '; ') FROM (SELECT connection_id || ' ' ||"
		" code || ' ' || severity || ' ' || coalesce(side, '-') || ' ' ||"
		" (ts_ns - 1700000000000000000) || ' ' || coalesce(packet, '-') ||"
		" ' ' || count || ' ' || detail AS r FROM findings ORDER BY ts_ns)";
	struct scene_verdict scene;
	struct store *store;

	(void)state;
	scene_full(&scene);
	store = store_of(&scene);
	assert_string_equal(scene_value(store_handle(store), sql),
			    "1 rst-injected error responder 6000 99 5 The TTL was 3, 64 before.; "
			    "1 tracking-limit info - 7000 - 1 It's full.");
	store_close(store);
}

static void test_ladder_round_trip(void **state)
{
	struct scene_verdict scene;
	struct ladder_segment *segments;
	struct error err = {{0}};
	struct store *store;
	size_t count;

	(void)state;
	scene_full(&scene);
	store = store_of(&scene);
	assert_true(ladder_read(store, 1, &segments, &count, &err));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		const struct ladder_segment *is = &segments[i], *was = &scene.ladder[i];

		assert_true(is->ts_ns == was->ts_ns && is->packet == was->packet &&
			    is->file == was->file && is->seq == was->seq && is->ack == was->ack);
		assert_true(is->payload_len == was->payload_len && is->window == was->window &&
			    is->flags == was->flags && is->from == was->from &&
			    is->ttl == was->ttl && is->after_gap == was->after_gap);
	}
	free(segments);
	assert_true(ladder_read(store, 2, &segments, &count, &err));
	assert_null(segments);
	store_close(store);
}

static void test_damaged_ladder_is_told(void **state)
{
	struct ladder_base base = {0};
	struct ladder_segment out[4];
	uint8_t bytes[LADDER_SEGMENT_MAX];
	struct ladder_segment segment = {.ts_ns = 5, .packet = 300, .seq = 70000, .flags = TCP_FIN};
	size_t size = ladder_pack(&base, &segment, 1, bytes), count;

	(void)state;
	assert_true(ladder_unpack(&base, bytes, size, out, 4, &count));
	assert_int_equal(count, 1);
	for (size_t cut = 1; cut < size; cut++)
		assert_false(ladder_unpack(&base, bytes, cut, out, 4, &count));
	memset(bytes, 0xff, sizeof(bytes));
	assert_false(ladder_unpack(&base, bytes, sizeof(bytes), out, 4, &count));
	assert_false(ladder_unpack(&base, bytes, 0, out, 0, &count) && count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_view_has_the_contracts_columns),
		cmocka_unit_test(test_types_of_the_view),
		cmocka_unit_test(test_clean_close_round_trip),
		cmocka_unit_test(test_full_verdict_round_trip),
		cmocka_unit_test(test_absent_is_null),
		cmocka_unit_test(test_responders_vlan_where_the_initiator_sent_nothing),
		cmocka_unit_test(test_timeline),
		cmocka_unit_test(test_three_segment_by_the_responder),
		cmocka_unit_test(test_time_wait_held_is_twice_the_msl),
		cmocka_unit_test(test_time_wait_observed_up_to_the_reuse),
		cmocka_unit_test(test_time_wait_observed_differently),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_ladder_round_trip),
		cmocka_unit_test(test_damaged_ladder_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
