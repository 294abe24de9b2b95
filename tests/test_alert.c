/* Alert conditions: how they are read, and when they begin and end to hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "db/alert_rows.h"
#include "monitor/alert.h"

#define S     INT64_C(1000000000)
#define START (INT64_C(1767600000) * S)

/* One condition that is fed, and what it told. */
struct scene {
	struct alert_condition condition;
	struct alerts *alerts;
	int64_t now_ns;
	unsigned told;
	struct alert last;
};

static void note(void *context, const struct alert *alert)
{
	struct scene *scene = context;

	scene->told++;
	scene->last = *alert;
}

static void open_scene(struct scene *scene, const char *text)
{
	struct error err = {""};

	memset(scene, 0, sizeof(*scene));
	if (!alert_parse(text, &scene->condition, &err))
		fail_msg("%s", err.text);
	scene->alerts = alerts_new(&scene->condition, 1, note, scene, &err);
	assert_non_null(scene->alerts);
	scene->now_ns = START;
	alerts_tick(scene->alerts, scene->now_ns);
}

static struct verdict verdict_of(enum teardown teardown)
{
	struct verdict v = {
		.teardown = teardown, .ip_version = 4, .clean = teardown != TEARDOWN_RST_ABORT};

	memcpy(v.dir[SIDE_INITIATOR].address.bytes, (uint8_t[]){10, 0, 0, 1}, 4);
	memcpy(v.dir[SIDE_RESPONDER].address.bytes, (uint8_t[]){10, 0, 0, 5}, 4);
	v.dir[SIDE_INITIATOR].port = 40000;
	v.dir[SIDE_RESPONDER].port = 443;
	return v;
}

static void feed(struct scene *scene, unsigned count, enum teardown teardown)
{
	struct verdict v = verdict_of(teardown);

	while (count-- > 0)
		alerts_take(scene->alerts, &v);
}

static void wait_for(struct scene *scene, unsigned seconds)
{
	while (seconds-- > 0)
		alerts_tick(scene->alerts, scene->now_ns += S);
}

static void expect(const struct scene *scene, unsigned told, enum alert_state state)
{
	assert_int_equal(scene->told, told);
	if (told > 0)
		assert_int_equal(scene->last.state, state);
}

static void parts_are_read(void **state)
{
	struct alert_condition c;
	struct error err = {""};

	(void)state;
	assert_true(alert_parse("share(rst_abort) > 5% over 1m", &c, &err));
	assert_int_equal(c.measure, ALERT_SHARE);
	assert_int_equal(c.what, ALERT_TEARDOWN);
	assert_int_equal(c.value, TEARDOWN_RST_ABORT);
	assert_int_equal(c.comparison, ALERT_ABOVE);
	assert_true(c.limit == 5);
	assert_int_equal(c.window_ns, 60 * S);
	assert_int_equal(c.minimum, ALERT_MINIMUM);

	assert_true(alert_parse("rate(finding:close-wait-stuck)>=0.5/h over 2.5 min for port 443 "
				"for server 10.0.0.0/8 min 7",
				&c, &err));
	assert_int_equal(c.measure, ALERT_RATE);
	assert_int_equal(c.what, ALERT_FINDING);
	assert_int_equal(c.value, FINDING_CLOSE_WAIT_STUCK);
	assert_int_equal(c.comparison, ALERT_AT_LEAST);
	assert_true(c.limit == 0.5);
	assert_int_equal(c.unit_ns, 3600 * S);
	assert_int_equal(c.window_ns, 150 * S);
	assert_true(c.scope.has_port && c.scope.has_server && !c.scope.has_host);
	assert_int_equal(c.scope.port, 443);
	assert_int_equal(c.minimum, 7);

	assert_true(alert_parse("count(cause:port_closed) <= 10 over 10s for host 2001:db8::5", &c,
				&err));
	assert_int_equal(c.what, ALERT_CAUSE);
	assert_int_equal(c.value, RST_CAUSE_PORT_CLOSED);
	assert_int_equal(c.comparison, ALERT_AT_MOST);
	assert_int_equal(c.minimum, 0);
	assert_true(alert_parse("count(half_open) > 1 over 1d", &c, &err)); /* without its prefix */
	assert_int_equal(c.what, ALERT_CAUSE);
	assert_true(alert_parse("count(severity:warning) > 1 over 1h", &c, &err));
	assert_int_equal(c.what, ALERT_SEVERITY);
	assert_true(alert_parse("count(connections) < 1 over 5m", &c, &err));
	assert_true(alert_parse("share(unclean) < 1% over 5m", &c, &err));
}

static void errors_point_at_the_place(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{"", "at its end"},
		{"part(open) > 1% over 1m", "condition ' >>> part(open)"},
		{"share open > 1% over 1m", "'share  >>> open"},
		{"share(opened) > 1% over 1m", "'share( >>> opened)"},
		{"share(cause:nothing) > 1% over 1m", "port_closed, half_open"},
		{"share(finding:nothing) > 1% over 1m", "'share(finding: >>> nothing)"},
		{"share(open = 1% over 1m", "'share(open  >>> ="},
		{"share(open) = 1% over 1m", ">, >=, < or <= expected"},
		{"share(open) > x% over 1m", "a number expected"},
		{"share(open) > 1 over 1m", "% expected"},
		{"share(open) > 101% over 1m", "at most 100%"},
		{"rate(open) > 1 over 1m", "/s, /min, /h or /d expected"},
		{"rate(open) > 1/week over 1m", "s, min, h or d expected"},
		{"count(open) > 9999999999999 over 1m", "a smaller number"},
		{"count(open) > 1", "over and a time expected at its end"},
		{"count(open) > 1 over 1", "s, min, h or d expected at its end"},
		{"count(open) > 1 over 0.5s", "a time from 1s to 7d"},
		{"count(open) > 1 over 8d", "a time from 1s to 7d"},
		{"count(open) > 1 over 1m for", "host, client, server or port expected at its end"},
		{"count(open) > 1 over 1m for port 65536", "a port up to 65535"},
		{"count(open) > 1 over 1m for port 1.5", "a port up to 65535"},
		{"count(open) > 1 over 1m for port 1 for port 2", "said once"},
		{"count(open) > 1 over 1m for host 10.0.0", "an address or a prefix"},
		{"count(open) > 1 over 1m for host 10.0.0.1 for host 10.0.0.2", "said once"},
		{"count(open) > 1 over 1m min", "a number expected at its end"},
		{"count(open) > 1 over 1m; reboot", "'count(open) > 1 over 1m >>> ; reboot'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert_condition c;
		struct error err = {""};

		if (alert_parse(cases[i].text, &c, &err))
			fail_msg("was taken: %s", cases[i].text);
		if (!strstr(err.text, cases[i].said))
			fail_msg("of '%s' was said: %s", cases[i].text, err.text);
	}
}

static void a_share_begins_and_ends_once(void **state)
{
	struct scene s;
	char text[ALERT_SENTENCE_SIZE];

	(void)state;
	open_scene(&s, "share(rst_abort) > 5% over 1m");
	feed(&s, 38, TEARDOWN_FOUR_WAY);
	feed(&s, 2, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	expect(&s, 0, ALERT_BEGAN); /* 5 % is not above 5 % */
	feed(&s, 1, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	expect(&s, 1, ALERT_BEGAN);
	assert_int_equal(s.last.matching, 3);
	assert_int_equal(s.last.connections, 41);
	assert_int_equal(s.last.ended_ns, NONE_NS);
	assert_int_equal(s.last.example.responder_port, 443);
	assert_string_equal(alert_sentence(&s.last, text),
			    "Alert: 7.32 %, 3 of 41 connections: share(rst_abort) > 5% over 1m");
	wait_for(&s, 30);
	expect(&s, 1, ALERT_BEGAN);
	feed(&s, 1000, TEARDOWN_FOUR_WAY); /* below, and above again within a window */
	wait_for(&s, 40);
	feed(&s, 500, TEARDOWN_RST_ABORT);
	wait_for(&s, 10);
	expect(&s, 1, ALERT_BEGAN);
	wait_for(&s, 115);
	expect(&s, 2, ALERT_ENDED);
	assert_true(s.last.ended_ns > s.last.began_ns);
	wait_for(&s, 300);
	expect(&s, 2, ALERT_ENDED);
	alerts_free(s.alerts);
}

static void few_connections_make_no_share(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, "share(rst_abort) > 5% over 10s");
	feed(&s, ALERT_MINIMUM - 1, TEARDOWN_RST_ABORT);
	wait_for(&s, 2);
	expect(&s, 0, ALERT_BEGAN);
	feed(&s, 1, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	expect(&s, 1, ALERT_BEGAN);
	alerts_free(s.alerts);
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, "count(rst_abort) >= 10 over 10s");
	for (int i = 0; i < 40; i++) { /* never 10 within 10 s */
		feed(&s, i % 2, TEARDOWN_RST_ABORT);
		wait_for(&s, 1);
	}
	expect(&s, 0, ALERT_BEGAN);
	feed(&s, 4, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	expect(&s, 0, ALERT_BEGAN);
	feed(&s, 3, TEARDOWN_RST_ABORT);
	alerts_tick(s.alerts, s.now_ns + S / 10);
	expect(&s, 1, ALERT_BEGAN);
	alerts_free(s.alerts);
}

static void silence_holds_only_after_a_whole_window(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, "count(connections) < 1 over 5m");
	wait_for(&s, 299);
	expect(&s, 0, ALERT_BEGAN);
	wait_for(&s, 1);
	expect(&s, 1, ALERT_BEGAN);
	feed(&s, 1, TEARDOWN_FOUR_WAY);
	wait_for(&s, 200);
	expect(&s, 1, ALERT_BEGAN);
	alerts_free(s.alerts);
}

static void scopes_choose_connections(void **state)
{
	static const struct {
		const char *scope;
		bool chosen;
	} cases[] = {
		{"port 443", true},        {"port 40000", false},
		{"host 10.0.0.1", true},   {"host 10.0.0.5", true},
		{"host 10.0.0.6", false},  {"host 10.0.0.0/29", true},
		{"client 10.0.0.1", true}, {"client 10.0.0.5", false},
		{"server 10.0.0.5", true}, {"server 10.0.0.1", false},
		{"host ::/0", false},      {"port 443 for client 10.0.0.5", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		struct scene s;

		snprintf(text, sizeof(text), "count(rst_abort) > 0 over 1m for %s", cases[i].scope);
		open_scene(&s, text);
		feed(&s, 1, TEARDOWN_RST_ABORT);
		wait_for(&s, 1);
		if (s.told != cases[i].chosen)
			fail_msg("%s: %u", text, s.told);
		alerts_free(s.alerts);
	}
}

static void causes_findings_and_severities_match(void **state)
{
	static const char *const texts[] = {"count(cause:port_closed) > 0 over 1m",
					    "count(finding:close-wait-stuck) > 0 over 1m",
					    "count(severity:warning) > 0 over 1m",
					    "count(severity:info) > 0 over 1m",
					    "rate(unclean) > 0.9/min over 1m"};
	struct finding finding = {.code = FINDING_CLOSE_WAIT_STUCK, .severity = SEVERITY_WARNING};
	struct verdict v = verdict_of(TEARDOWN_REFUSED), other = verdict_of(TEARDOWN_FOUR_WAY);

	(void)state;
	v.rst_cause = RST_CAUSE_PORT_CLOSED;
	v.findings = &finding;
	v.finding_count = 1;
	v.clean = false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct scene s;

		open_scene(&s, texts[i]);
		alerts_take(s.alerts, &other);
		wait_for(&s, 1);
		expect(&s, 0, ALERT_BEGAN);
		v.again = true;
		alerts_take(s.alerts, &v);
		wait_for(&s, 1);
		expect(&s, 0, ALERT_BEGAN);
		v.again = false;
		alerts_take(s.alerts, &v);
		wait_for(&s, 1);
		expect(&s, 1, ALERT_BEGAN);
		alerts_free(s.alerts);
	}
}

/* What is stuck counts while it is, and is not counted once more at its end. */
static void an_open_connection_counts_once(void **state)
{
	static const struct {
		const char *text;
		bool early;
	} cases[] = {
		{"count(finding:close-wait-stuck) >= 1 over 1m", true},
		{"count(severity:warning) >= 1 over 1m", true},
		{"count(severity:error) >= 1 over 1m", false},
		{"count(connections) >= 1 over 1m", false},
		{"count(finding:fin-wait-2-stuck) >= 1 over 1m", false},
	};
	struct finding finding = {.code = FINDING_CLOSE_WAIT_STUCK, .severity = SEVERITY_WARNING};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict v = verdict_of(TEARDOWN_HALF_CLOSED);
		struct scene s;

		v.findings = &finding;
		v.finding_count = 1;
		open_scene(&s, cases[i].text);
		v.open = true;
		alerts_take(s.alerts, &v);
		wait_for(&s, 1);
		assert_int_equal(s.told, cases[i].early);
		v.open = false;
		v.told = UINT64_C(1) << FINDING_CLOSE_WAIT_STUCK;
		if (cases[i].early)
			wait_for(&s, 130); /* the alert is over */
		alerts_take(s.alerts, &v);
		wait_for(&s, 1);
		assert_int_equal(s.last.state, cases[i].early ? ALERT_ENDED : ALERT_BEGAN);
		alerts_free(s.alerts);
	}
}

static void a_clock_that_is_set_begins_windows_anew(void **state)
{
	static const int64_t steps[] = {-3600 * S, 3600 * S};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene s;

		open_scene(&s, "count(rst_abort) >= 10 over 1m");
		feed(&s, 9, TEARDOWN_RST_ABORT);
		wait_for(&s, 1);
		s.now_ns += steps[i];
		wait_for(&s, 1);
		feed(&s, 1, TEARDOWN_RST_ABORT);
		wait_for(&s, 1);
		expect(&s, 0, ALERT_BEGAN);
		feed(&s, 9, TEARDOWN_RST_ABORT);
		wait_for(&s, 1);
		expect(&s, 1, ALERT_BEGAN);
		s.now_ns += steps[i];
		wait_for(&s, 50); /* on for a window more, whatever the clock says */
		expect(&s, 1, ALERT_BEGAN);
		wait_for(&s, 20);
		expect(&s, 2, ALERT_ENDED);
		alerts_free(s.alerts);
	}
}

static void a_little_back_is_no_clock_set(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, "count(rst_abort) >= 10 over 1m");
	feed(&s, 9, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	alerts_tick(s.alerts, s.now_ns - S / 100);
	feed(&s, 1, TEARDOWN_RST_ABORT);
	wait_for(&s, 1);
	expect(&s, 1, ALERT_BEGAN);
	alerts_free(s.alerts);
}

static void an_alert_is_one_row(void **state)
{
	struct alert_row row = {.condition = "count(open) > 1 over 1m",
				.began_ns = START,
				.ended_ns = NONE_NS,
				.value = 2.5,
				.matching = 5,
				.connections = 7};
	struct error err = {""};
	sqlite3_stmt *s;
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_true(alert_rows_create(db, &err));
	assert_true(alert_rows_put(db, 3, &row, &err));
	row.ended_ns = START + 60 * S;
	row.matching = 0;
	assert_true(alert_rows_put(db, 3, &row, &err));
	row.ip_version = 4;
	row.responder_port = 443;
	assert_true(alert_rows_put(db, 4, &row, &err));
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT recording_id, ended_ns, value, matching, "
					    "responder_ip, responder_port FROM alerts",
					    -1, &s, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 3);
	assert_int_equal(sqlite3_column_int64(s, 1), START + 60 * S);
	assert_true(sqlite3_column_double(s, 2) == 2.5);
	assert_int_equal(sqlite3_column_int(s, 3), 5); /* as it began */
	assert_null(sqlite3_column_text(s, 4));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 4), "0.0.0.0");
	assert_int_equal(sqlite3_column_int(s, 5), 443);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_read),
		cmocka_unit_test(errors_point_at_the_place),
		cmocka_unit_test(a_share_begins_and_ends_once),
		cmocka_unit_test(few_connections_make_no_share),
		cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
		cmocka_unit_test(silence_holds_only_after_a_whole_window),
		cmocka_unit_test(scopes_choose_connections),
		cmocka_unit_test(causes_findings_and_severities_match),
		cmocka_unit_test(an_open_connection_counts_once),
		cmocka_unit_test(a_clock_that_is_set_begins_windows_anew),
		cmocka_unit_test(a_little_back_is_no_clock_set),
		cmocka_unit_test(an_alert_is_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
