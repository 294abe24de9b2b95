/* Lines and metrics of a run, as they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "board_scene.h"
#include "monitor/lines.h"
#include "monitor/metrics.h"

#define S INT64_C(1000000000)

struct scene {
	struct board_scene board;
	struct lines lines;
	char *text;
	size_t size;
};

static const struct alert_condition condition = {.text = "rate(refused) > 3/min over 1m",
						 .measure = ALERT_RATE,
						 .unit_ns = 60 * S,
						 .window_ns = 60 * S};

static void open_scene(struct scene *s, bool json)
{
	memset(s, 0, sizeof(*s));
	board_scene_open(&s->board);
	lines_open(&s->lines, open_memstream(&s->text, &s->size), s->board.board, &condition, 1,
		   json, true);
}

static void expect(struct scene *s, const char *text)
{
	fflush(s->lines.out);
	if (!strstr(s->text, text))
		fail_msg("'%s' is not in:\n%s", text, s->text);
}

static void close_scene(struct scene *s)
{
	fclose(s->lines.out);
	free(s->text);
	board_free(s->board.board);
}

static void tell(struct scene *s, enum board_event_kind kind, const char *detail)
{
	struct board_event event = board_scene_event(&s->board, kind);

	event.code = FINDING_CLOSE_WAIT_STUCK;
	event.alert_state = ALERT_BEGAN;
	event.alert_matching = 8;
	event.alert_connections = 64;
	event.connection_id = 17;
	snprintf(event.detail, sizeof(event.detail), "%s", detail);
	board_tell(s->board.board, &event);
}

static void an_event_is_a_line(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false);
	tell(&s, BOARD_FINDING, "It \033[2J hangs\nand more.");
	tell(&s, BOARD_TROUBLE_EVENT, "The disk is full.");
	tell(&s, BOARD_TEARDOWN, "not told");
	lines_events(&s.lines);
	lines_events(&s.lines); /* nothing is told twice */
	lines_note(&s.lines, BOARD_SCENE_START, "nginx \x9b (1)");
	lines_trouble(&s.lines, BOARD_SCENE_START, "out of order");
	fflush(s.lines.out);
	assert_string_equal(s.text,
			    "2026-01-05T09:00:00.000000Z warning close-wait-stuck 10.0.0.9:51000 > "
			    "192.0.2.80:443 #17 "
			    "It \\x1b[2J hangs\\x0aand more.\n"
			    "2026-01-05T09:00:00.000000Z warning trouble The disk is full.\n"
			    "2026-01-05T09:00:00.000000Z info sockets nginx \\x9b (1)\n"
			    "2026-01-05T09:00:00.000000Z error trouble out of order\n");
	close_scene(&s);
}

static void an_event_is_an_object(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, true);
	tell(&s, BOARD_FINDING, "\"It\"\n");
	tell(&s, BOARD_ALERT, "Alert");
	lines_events(&s.lines);
	fflush(s.lines.out);
	assert_string_equal(
		s.text,
		"{\"event\":\"finding\",\"time\":\"2026-01-05T09:00:00.000000Z\","
		"\"ts_ns\":1767603600000000000,\"severity\":\"warning\",\"code\":\"close-wait-"
		"stuck\","
		"\"side\":null,\"initiator_ip\":\"10.0.0.9\",\"initiator_port\":51000,"
		"\"responder_ip\":\"192.0.2.80\",\"responder_port\":443,\"connection_id\":17,"
		"\"detail\":\"\\\"It\\\"\\n\"}\n"
		"{\"event\":\"alert\",\"time\":\"2026-01-05T09:00:00.000000Z\","
		"\"ts_ns\":1767603600000000000,\"severity\":\"warning\",\"state\":\"began\","
		"\"matching\":8,\"connections\":64,\"condition\":\"rate(refused) > 3/min over 1m\","
		"\"value\":8,\"initiator_ip\":\"10.0.0.9\",\"initiator_port\":51000,"
		"\"responder_ip\":\"192.0.2.80\",\"responder_port\":443,\"detail\":\"Alert\"}\n");
	close_scene(&s);
}

static void a_summary_tells_what_the_time_brought(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, false);
	s.board.board->packets = 5000;
	s.board.board->bytes = 1250000;
	s.board.board->connections = 3;
	s.board.board->teardowns[TEARDOWN_REFUSED] = 1;
	s.board.board->teardowns[TEARDOWN_FOUR_WAY] = 2;
	s.board.board->open_connections = 7;
	lines_summary(&s.lines, BOARD_SCENE_START, 10 * S);
	expect(&s, "2026-01-05T09:00:00.000000Z summary of 10 s: 500 packets/s, 1.000 Mbit/s, 3 "
		   "connections "
		   "ended (2 four_way, 1 refused), 7 open, 0 findings; dropped: nothing\n");
	s.board.board->interfaces[1].drops[BOARD_DROP_KERNEL] = 4;
	s.board.board->interfaces[0].drops[BOARD_DROP_OWN] = 2;
	s.board.board->interfaces[0].up = 0;
	s.board.board->store_state = BOARD_STORE_LOCKED;
	s.board.board->backlog = 12;
	s.board.board->rows_lost = 1;
	for (int i = 0; i < BOARD_EVENTS + 5; i++)
		tell(&s, BOARD_FINDING, "");
	lines_events(&s.lines);
	lines_summary(&s.lines, BOARD_SCENE_START, 10 * S);
	expect(&s, "0 connections ended, 7 open, 4096 findings; dropped: kernel 4, own 2; down: "
		   "eth0; store "
		   "locked, 12 rows wait; 1 rows lost; 5 events came too fast to tell\n");
	lines_summary(&s.lines, BOARD_SCENE_START, 10 * S);
	expect(&s, "7 open, 0 findings; dropped: nothing; down: eth0;");
	close_scene(&s);
}

static void a_format_is_what_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(metrics_format_of(NULL), METRICS_PROMETHEUS);
	assert_int_equal(metrics_format_of("*/*"), METRICS_PROMETHEUS);
	assert_int_equal(metrics_format_of("text/plain;version=0.0.4;q=1"), METRICS_PROMETHEUS);
	assert_int_equal(
		metrics_format_of("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
		METRICS_OPENMETRICS);
}

/* What OpenMetrics 1.0 and Prometheus' text format want of each line, for what is written here. */
static void check_metrics(const char *text, bool open)
{
	char family[100] = "", type[20] = "", line[1000];
	bool ended = false;

	assert_non_null(text);
	for (; *text; text += strcspn(text, "\n") + 1) {
		char name[100] = "", word[20] = "";
		int end = 0;

		assert_false(ended);
		assert_true(strcspn(text, "\n") < sizeof(line));
		memcpy(line, text, strcspn(text, "\n"));
		line[strcspn(text, "\n")] = '\0';
		if (strcmp(line, "# EOF") == 0) {
			ended = true;
		} else if (sscanf(line, "# TYPE %99s %19s", name, word) == 2) {
			assert_int_equal(strncmp(name, "lastack_", 8), 0);
			assert_string_not_equal(name, family);
			strcpy(family, name);
			strcpy(type, word);
			if (open)
				assert_null(strstr(name, "_total"));
			else if (strcmp(type, "counter") == 0)
				assert_string_equal(name + strlen(name) - 6, "_total");
		} else if (sscanf(line, "# UNIT %99s %19s", name, word) == 2) {
			assert_true(open);
			assert_string_equal(name, family);
			assert_string_equal(name + strlen(name) - strlen(word), word);
		} else if (line[0] == '#') {
			assert_int_equal(sscanf(line, "# HELP %99s %n", name, &end), 1);
			assert_true(line[end] != '\0');
		} else {
			char expected[120];
			double value;

			snprintf(expected, sizeof(expected), "%s%s", family,
				 open && strcmp(type, "counter") == 0 ? "_total"
				 : open && strcmp(type, "info") == 0  ? "_info"
								      : "");
			assert_int_equal(sscanf(line, "%99[a-z_]", name), 1);
			assert_string_equal(name, expected);
			assert_int_equal(sscanf(strrchr(line, ' '), " %lf%n", &value, &end), 1);
			assert_int_equal(strrchr(line, ' ')[end], '\0');
		}
	}
	assert_int_equal(ended, open);
}

static void metrics_are_well_formed(void **state)
{
	struct board_scene scene;
	struct snapshot snapshot;

	(void)state;
	board_scene_open(&scene);
	strcpy(scene.board->interfaces[1].name, "a\"b\\c\n\xff");
	for (int i = 0; i < 60; i++)
		board_scene_play(&scene);
	snapshot_take(scene.board, &snapshot);
	for (int format = METRICS_PROMETHEUS; format <= METRICS_OPENMETRICS; format++) {
		char *text;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		metrics_write(out, &snapshot, (enum metrics_format)format);
		fclose(out);
		check_metrics(text, format == METRICS_OPENMETRICS);
		assert_non_null(strstr(
			text, "\nlastack_packets_total{interface=\"a\\\"b\\\\c??\"} 60000\n"));
		assert_non_null(strstr(
			text, "\nlastack_drops_total{interface=\"eth0\",place=\"kernel\"} 0\n"));
		assert_non_null(strstr(text, "\nlastack_teardowns_total{teardown=\"stray\"} 0\n"));
		assert_non_null(strstr(text, "\nlastack_open_connections{state=\"opening\"} "));
		assert_non_null(
			strstr(text, "\nlastack_last_commit_timestamp_seconds 1767603660.000\n"));
		free(text);
	}
	board_free(scene.board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_a_line),
		cmocka_unit_test(an_event_is_an_object),
		cmocka_unit_test(a_summary_tells_what_the_time_brought),
		cmocka_unit_test(a_format_is_what_is_asked_for),
		cmocka_unit_test(metrics_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
