/* The full-screen view without a terminal: what is kept, chosen and drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <locale.h>

#include "board_scene.h"
#include "monitor/view_model.h"
#include "monitor/view_paint.h"

/* A model over a board, and what was painted last. */
struct scene {
	struct board_scene board;
	struct view_model *model;
	struct canvas canvas;
	char *text;
};

static const struct alert_condition condition = {.text = "share(rst_abort) > 5% over 1m",
						 .measure = ALERT_SHARE,
						 .window_ns = INT64_C(60000000000)};

static void look(struct scene *s)
{
	view_model_look(s->model, s->board.now_ns);
}

static void open_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	board_scene_open(&s->board);
	s->model = calloc(1, sizeof(*s->model));
	assert_non_null(s->model);
	view_model_open(s->model, s->board.board, &condition, 1);
	look(s);
}

static void play(struct scene *s, int seconds)
{
	while (seconds-- > 0) {
		board_scene_play(&s->board);
		look(s);
	}
}

static void close_scene(struct scene *s)
{
	view_model_close(s->model);
	free(s->model);
	canvas_free(&s->canvas);
	free(s->text);
	board_free(s->board.board);
}

static const char *paint(struct scene *s, int columns, int rows, bool unicode)
{
	size_t size;
	FILE *out;

	s->canvas.unicode = unicode;
	assert_true(canvas_resize(&s->canvas, rows, columns, NULL));
	view_paint(&s->canvas, s->model);
	free(s->text);
	out = open_memstream(&s->text, &size);
	canvas_write(&s->canvas, out);
	fclose(out);
	return s->text;
}

static void expect_shown(struct scene *s, const char *what)
{
	if (!strstr(paint(s, 120, 40, true), what))
		fail_msg("'%s' is not in:\n%s", what, s->text);
}

static void expect_hidden(struct scene *s, const char *what)
{
	if (strstr(paint(s, 120, 40, true), what))
		fail_msg("'%s' is in:\n%s", what, s->text);
}

/* Ink of the first cell of what on the screen. */
static enum canvas_ink ink_of(struct scene *s, const char *what)
{
	const char *at = strstr(paint(s, 120, 40, false), what), *line = at;
	int row = 0;

	if (!at)
		fail_msg("'%s' is not in:\n%s", what, s->text);
	while (line > s->text && line[-1] != '\n')
		line--;
	for (const char *c = s->text; c < line; c++)
		row += *c == '\n';
	return canvas_cell(&s->canvas, row, (int)(at - line))->ink;
}

static void keys(struct scene *s, const char *text)
{
	for (; *text; text++)
		view_model_key(s->model, (uint32_t)*text);
}

static struct board_event tell(struct scene *s, enum board_event_kind kind, int64_t connection_id)
{
	struct board_event event = board_scene_event(&s->board, kind);

	event.connection_id = connection_id;
	event.code = FINDING_CLOSE_WAIT_STUCK;
	snprintf(event.detail, sizeof(event.detail), "number %d", (int)connection_id);
	board_tell(s->board.board, &event);
	return event;
}

static void rates_are_of_the_last_second(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	expect_shown(&s, "counting");
	s.board.board->packets = 1000;
	s.board.board->bytes = 500000;
	s.board.board->teardowns[TEARDOWN_REFUSED] = 3;
	s.board.now_ns += 500000000;
	look(&s);
	assert_false(s.model->rates_known);
	s.board.now_ns += 500000000;
	look(&s);
	assert_true(s.model->rates.packets == 1000);
	assert_true(s.model->rates.bits == 4e6);
	assert_true(s.model->rates.teardowns[TEARDOWN_REFUSED] == 3);
	expect_shown(&s, "1,000 packets/s   4.00 Mbit/s");
	s.board.now_ns += 2000000000;
	look(&s);
	assert_true(s.model->rates.packets == 0);
	close_scene(&s);
}

static void an_overrun_is_counted(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	for (int i = 1; i <= BOARD_TEARDOWNS + 7; i++)
		tell(&s, BOARD_TEARDOWN, i);
	for (int i = 1; i <= BOARD_EVENTS + 3; i++)
		tell(&s, BOARD_FINDING, i);
	look(&s);
	assert_int_equal(s.model->ends.missed, 7);
	assert_int_equal(s.model->findings.missed, 3);
	assert_int_equal(s.model->ends.count, VIEW_KEPT);
	expect_shown(&s, "7 came too fast to list");
	close_scene(&s);
}

static void the_selection_stays_with_its_event(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	for (int i = 1; i <= 5; i++)
		tell(&s, BOARD_FINDING, i);
	look(&s);
	assert_int_equal(view_model_connection(s.model), 5);
	tell(&s, BOARD_FINDING, 6); /* at the top the newest is followed */
	look(&s);
	assert_int_equal(view_model_connection(s.model), 6);
	view_model_key(s.model, VIEW_KEY_DOWN);
	assert_int_equal(view_model_connection(s.model), 5);
	tell(&s, BOARD_FINDING, 7);
	tell(&s, BOARD_FINDING, 8);
	look(&s);
	assert_int_equal(view_model_connection(s.model), 5);
	view_model_key(s.model, VIEW_KEY_HOME);
	tell(&s, BOARD_FINDING, 9);
	look(&s);
	assert_int_equal(view_model_connection(s.model), 9);
	assert_int_equal(view_model_key(s.model, VIEW_KEY_ENTER), VIEW_OPEN_LADDER);
	tell(&s, BOARD_FINDING, 0);
	look(&s);
	assert_int_equal(view_model_key(s.model, VIEW_KEY_ENTER), VIEW_NOTHING);
	expect_shown(&s, "no stored connection");
	close_scene(&s);
}

static void a_filter_wants_all_its_words(void **state)
{
	(void)state;
	assert_true(view_filter_matches("", "anything"));
	assert_true(view_filter_matches("  RST_abort  :443 ",
					"rst_abort 10.0.0.9:51000 192.0.2.80:443"));
	assert_false(
		view_filter_matches("rst_abort :80 ", "rst_abort 10.0.0.9:51000 192.0.2.81:443"));
	assert_true(view_filter_matches("!refused :443", "rst_abort 192.0.2.80:443"));
	assert_false(view_filter_matches("!rst :443", "rst_abort 192.0.2.80:443"));
}

static void a_filter_is_typed_and_left(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	play(&s, 30);
	expect_shown(&s, "four_way             10.0.");
	keys(&s, "/rst_abortx");
	view_model_key(s.model, VIEW_KEY_BACKSPACE);
	expect_shown(&s, "filter: rst_abort ");
	view_model_key(s.model, VIEW_KEY_ENTER);
	expect_shown(&s, "/rst_abort");
	expect_hidden(&s, "four_way             10.0.");
	play(&s, 30); /* it is also what is kept from now on */
	expect_hidden(&s, "four_way             10.0.");
	keys(&s, "/nonsense");
	view_model_key(s.model, VIEW_KEY_ESCAPE);
	assert_string_equal(s.model->filter, "rst_abort");
	view_model_key(s.model, VIEW_KEY_ESCAPE);
	assert_string_equal(s.model->filter, "");
	keys(&s, "/nonsense");
	view_model_key(s.model, VIEW_KEY_ENTER);
	expect_shown(&s, "nothing that matches the filter");
	close_scene(&s);
}

static void classes_and_servers_become_the_filter(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	play(&s, 60);
	s.model->focus = VIEW_CLASSES;
	view_model_key(s.model, VIEW_KEY_ENTER);
	assert_string_equal(s.model->filter, "four_way");
	assert_int_equal(s.model->focus, VIEW_ENDS);
	s.model->focus = VIEW_SERVERS;
	view_model_key(s.model, VIEW_KEY_DOWN);
	view_model_key(s.model, VIEW_KEY_ENTER);
	assert_non_null(strstr(s.model->filter, "192.0.2."));
	close_scene(&s);
}

static void each_panel_sorts_its_ways(void **state)
{
	const struct board_server *servers[BOARD_SERVERS];
	const struct board_event *events[VIEW_KEPT];
	enum teardown classes[TEARDOWNS];
	struct scene s;
	size_t count;

	(void)state;
	open_scene(&s);
	play(&s, 60);
	count = view_model_classes(s.model, classes);
	assert_int_equal(classes[0], TEARDOWN_FOUR_WAY);
	for (size_t i = 1; i < count; i++)
		assert_true(s.model->now.teardowns[classes[i]] <=
			    s.model->now.teardowns[classes[i - 1]]);
	s.model->focus = VIEW_CLASSES;
	keys(&s, "ss");
	view_model_classes(s.model, classes);
	assert_int_equal(classes[0], TEARDOWN_REFUSED); /* the taxonomy's order */
	keys(&s, "s");
	assert_int_equal(s.model->places[VIEW_CLASSES].sort, 0);

	s.model->focus = VIEW_SERVERS;
	keys(&s, "ss");
	count = view_model_servers(s.model, servers);
	for (size_t i = 1; i < count; i++)
		assert_true(servers[i]->connections <= servers[i - 1]->connections);

	s.model->focus = VIEW_FINDINGS;
	keys(&s, "s");
	count = view_model_events(s.model, VIEW_FINDINGS, events);
	assert_true(count > 10);
	for (size_t i = 1; i < count; i++)
		assert_true(events[i]->severity < events[i - 1]->severity ||
			    (events[i]->severity == events[i - 1]->severity &&
			     events[i]->number < events[i - 1]->number));
	close_scene(&s);
}

static void pause_holds_everything(void **state)
{
	struct scene s;
	char *before;

	(void)state;
	open_scene(&s);
	play(&s, 10);
	keys(&s, "p");
	before = strdup(paint(&s, 120, 40, true));
	assert_non_null(strstr(before, "PAUSED"));
	play(&s, 10);
	assert_string_equal(before, paint(&s, 120, 40, true));
	keys(&s, " ");
	look(&s);
	assert_string_not_equal(before, paint(&s, 120, 40, true));
	assert_int_equal(s.model->ends.missed, 0); /* the ring still held them */
	free(before);
	close_scene(&s);
}

static void what_is_not_fine_is_loud(void **state)
{
	struct scene s;
	struct board_event event;

	(void)state;
	open_scene(&s);
	play(&s, 3);
	assert_int_equal(ink_of(&s, "dropped"), CANVAS_QUIET);
	s.board.board->interfaces[0].drops[BOARD_DROP_KERNEL] = 5;
	play(&s, 1);
	assert_int_equal(ink_of(&s, "DROPPED"), CANVAS_LOUD);
	expect_shown(&s, "kernel 5 (5.0/s)");
	play(&s, 1);
	assert_int_equal(ink_of(&s, "DROPPED"), CANVAS_WARNING); /* over, but it was */
	s.board.board->interfaces[1].up = 0;
	s.board.board->store_state = BOARD_STORE_LOCKED;
	s.board.board->backlog = 12345;
	board_put_trouble(s.board.board, "the database is locked\033[2J");
	play(&s, 1);
	assert_int_equal(ink_of(&s, "eth1 down"), CANVAS_LOUD);
	assert_int_equal(ink_of(&s, "STORE locked, 12,345 rows wait"), CANVAS_LOUD);
	expect_shown(&s, "the database is locked\\x1b[2J");

	event = board_scene_event(&s.board, BOARD_ALERT);
	event.alert_state = ALERT_BEGAN;
	event.alert_matching = 8;
	event.alert_connections = 64;
	board_tell(s.board.board, &event);
	play(&s, 1);
	assert_int_equal(ink_of(&s, "ALERT"), CANVAS_LOUD);
	expect_shown(&s, "(12.5 %)  share(rst_abort) > 5% over 1m");
	event.alert_state = ALERT_ENDED;
	board_tell(s.board.board, &event);
	play(&s, 1);
	expect_hidden(&s, "ALERT");
	event.alert = 7; /* nobody asked for that many */
	event.alert_state = ALERT_BEGAN;
	board_tell(s.board.board, &event);
	play(&s, 1);
	expect_hidden(&s, "ALERT");
	close_scene(&s);
}

static void what_the_board_holds_is_not_trusted(void **state)
{
	struct scene s;
	struct board_event event;

	(void)state;
	open_scene(&s);
	s.board.board->interface_count = 5000;
	s.board.board->store_state = 99;
	memset(s.board.board->interfaces, 'x', sizeof(s.board.board->interfaces));
	memset(&event, 0xff, sizeof(event));
	for (int kind = 0; kind < 6; kind++) {
		event.kind = (uint8_t)kind;
		board_tell(s.board.board, &event);
	}
	memset(s.board.board->trouble, 0x9b, sizeof(s.board.board->trouble));
	s.board.board->server_count = 4000;
	play(&s, 2);
	for (int focus = 0; focus < VIEW_PANELS; focus++) {
		s.model->focus = (enum view_panel)focus;
		for (const char *c = paint(&s, 120, 40, true); *c; c++)
			assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
		assert_null(strstr(s.text, "\xc2\x9b"));
	}
	close_scene(&s);
}

/* Nothing is drawn outside, nothing is lost of the last line, whatever the size. */
static void every_size_can_be_drawn(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	play(&s, 90);
	view_model_note(s.model, (const char *const[]){"3 sockets in CLOSE_WAIT of nginx (812)"},
			1);
	for (int rows = 1; rows < 70; rows += rows < 30 ? 1 : 7)
		for (int columns = 1; columns < 220; columns += 13) {
			for (int focus = 0; focus < VIEW_PANELS; focus++) {
				s.model->focus = (enum view_panel)focus;
				paint(&s, columns, rows, focus % 2);
			}
			keys(&s, "?");
			paint(&s, columns, rows, true);
			keys(&s, "q");
		}
	s.model->focus = VIEW_FINDINGS;
	assert_non_null(strstr(paint(&s, 40, 10, true), "close-wait-stuck"));
	assert_non_null(strstr(s.text, "q quit"));
	assert_non_null(strstr(paint(&s, 80, 24, true), "Servers by bad endings"));
	assert_non_null(strstr(s.text, "As they end"));
	assert_non_null(strstr(s.text, "CLOSE_WAIT of nginx (812)"));
	assert_non_null(strstr(paint(&s, 200, 60, true), "mostly"));
	close_scene(&s);
}

static void without_unicode_all_is_ascii(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	play(&s, 90);
	for (const char *c = paint(&s, 200, 60, false); *c; c++)
		assert_in_range((unsigned char)*c, '\n', '~');
	close_scene(&s);
}

static void a_ladder_is_scrolled(void **state)
{
	struct scene s;
	char *text = malloc(3000), *at = text;

	(void)state;
	assert_non_null(text);
	for (int i = 1; i <= 100; i++)
		at += sprintf(at, "%sline %d%s\n", i == 1 ? "\033[1;31m" : "", i,
			      i == 1 ? "\033[0m\033]0;title\a" : "");
	open_scene(&s);
	view_model_show_ladder(s.model, text);
	assert_int_equal(ink_of(&s, "line 1"), CANVAS_BAD);
	expect_shown(&s, "line 1\\x1b]0;title\\x07"); /* only the page's own sequences count */
	expect_shown(&s, "lines 1 to 39 of 100");
	view_model_key(s.model, VIEW_KEY_DOWN);
	expect_shown(&s, "lines 2 to 40 of 100");
	view_model_key(s.model, VIEW_KEY_END);
	view_model_key(s.model, VIEW_KEY_PAGE_DOWN);
	expect_shown(&s, "lines 62 to 100 of 100");
	keys(&s, "q");
	assert_int_equal(s.model->page, VIEW_MAIN);
	assert_int_equal(view_model_key(s.model, 'q'), VIEW_QUIT);
	close_scene(&s);
}

static void text_is_cut_at_its_room(void **state)
{
	struct canvas canvas = {.unicode = true};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_true(canvas_resize(&canvas, 6, 12, NULL));
	assert_int_equal(canvas_put(&canvas, 0, 0, 5, CANVAS_PLAIN, "sixsix"), 5);
	canvas_put(&canvas, 1, 9, 10, CANVAS_PLAIN, "beyond");
	canvas_put(&canvas, 2, 0, 6, CANVAS_PLAIN, "漢字漢字"); /* two columns each */
	canvas_put_right(&canvas, 3, 0, 12, CANVAS_PLAIN, "12");
	canvas_put(&canvas, 4, 0, 12, CANVAS_PLAIN, "\xff\033e\xcc\x81");
	canvas_put(&canvas, 99, 99, 12, CANVAS_PLAIN, "nowhere");
	canvas_put(&canvas, -1, -1, 12, CANVAS_PLAIN, "nowhere");
	canvas_write(&canvas, out);
	fclose(out);
	assert_string_equal(text,
			    "sixs…\n         bey\n漢字…\n          12\n\\xff\\x1be\xcc\x81\n\n");
	free(text);
	canvas_free(&canvas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_the_last_second),
		cmocka_unit_test(an_overrun_is_counted),
		cmocka_unit_test(the_selection_stays_with_its_event),
		cmocka_unit_test(a_filter_wants_all_its_words),
		cmocka_unit_test(a_filter_is_typed_and_left),
		cmocka_unit_test(classes_and_servers_become_the_filter),
		cmocka_unit_test(each_panel_sorts_its_ways),
		cmocka_unit_test(pause_holds_everything),
		cmocka_unit_test(what_is_not_fine_is_loud),
		cmocka_unit_test(what_the_board_holds_is_not_trusted),
		cmocka_unit_test(every_size_can_be_drawn),
		cmocka_unit_test(without_unicode_all_is_ascii),
		cmocka_unit_test(a_ladder_is_scrolled),
		cmocka_unit_test(text_is_cut_at_its_room),
	};

	setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
