#include "monitor/view_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

/* Where there is more to read than is kept, the rest is passed over. */
enum { LOOK_MAX = BOARD_EVENTS };

void view_model_open(struct view_model *model, const struct board *board,
		     const struct alert_condition *conditions, size_t condition_count)
{
	model->board = board;
	model->conditions = conditions;
	model->condition_count = condition_count < ALERT_CONDITIONS ? condition_count
								    : ALERT_CONDITIONS;
	model->focus = VIEW_FINDINGS;
	model->findings.next = model->ends.next = 1;
	model->page_rows = 10;
}

void view_model_close(struct view_model *model)
{
	free(model->ladder);
	model->ladder = NULL;
}

unsigned view_class_weight(enum teardown teardown)
{
	switch (teardown) {
	case TEARDOWN_FOUR_WAY:
	case TEARDOWN_THREE_SEGMENT:
	case TEARDOWN_SIMULTANEOUS:
		return 0;
	case TEARDOWN_RST_ABORT:
	case TEARDOWN_RST_AFTER_FIN:
	case TEARDOWN_HALF_CLOSED:
	case TEARDOWN_FIN_UNANSWERED:
		return 2;
	default:
		return 1;
	}
}

const char *view_end_words(const struct board_event *event, char out[VIEW_ROW_TEXT])
{
	const char *cause = rst_cause_name(event->rst_cause);

	if (cause)
		snprintf(out, VIEW_ROW_TEXT, "%s", cause);
	else if (event->closer < SIDE_NONE)
		snprintf(out, VIEW_ROW_TEXT, "by %s", side_name(event->closer));
	else
		snprintf(out, VIEW_ROW_TEXT, "%s", end_reason_name(event->end_reason));
	if (event->closer == SIDE_BOTH && !cause)
		snprintf(out, VIEW_ROW_TEXT, "by both");
	return out;
}

const char *view_event_text(const struct board_event *event, char out[VIEW_ROW_TEXT])
{
	char initiator[BOARD_END_SIZE] = "", responder[BOARD_END_SIZE] = "", words[VIEW_ROW_TEXT];

	if (event->initiator.ip_version)
		board_end_text(&event->initiator, initiator);
	if (event->responder.ip_version)
		board_end_text(&event->responder, responder);
	if (event->kind == BOARD_TEARDOWN)
		snprintf(out, VIEW_ROW_TEXT, "%s %s %s %.60s %s", teardown_name(event->teardown),
			 initiator, responder, view_end_words(event, words),
			 end_reason_name(event->end_reason));
	else
		snprintf(out, VIEW_ROW_TEXT, "%s %s %s %s %s",
			 event->kind == BOARD_FINDING ? finding_kind(event->code)->code
			 : event->kind == BOARD_ALERT ? "alert"
						      : "trouble",
			 severity_name(event->severity), initiator, responder, event->detail);
	return out;
}

bool view_filter_matches(const char *filter, const char *text)
{
	char word[VIEW_FILTER_SIZE];

	for (;;) {
		size_t length;
		bool unwanted;

		filter += strspn(filter, " ");
		unwanted = *filter == '!';
		filter += unwanted;
		length = strcspn(filter, " ");
		if (length == 0)
			return true;
		snprintf(word, sizeof(word), "%.*s", (int)length, filter);
		if ((strcasestr(text, word) != NULL) == unwanted)
			return false;
		filter += length;
	}
}

static bool event_matches(const char *filter, const struct board_event *event)
{
	char text[VIEW_ROW_TEXT];

	return *filter == '\0' || view_filter_matches(filter, view_event_text(event, text));
}

static void keep(struct view_list *list, const struct board_event *event)
{
	if (list->count == VIEW_KEPT)
		list->first = (list->first + 1) % VIEW_KEPT;
	else
		list->count++;
	list->events[(list->first + list->count - 1) % VIEW_KEPT] = *event;
}

static void take_alert(struct view_model *model, const struct board_event *event)
{
	if (event->alert >= model->condition_count)
		return;
	model->alert_since_ns[event->alert] = event->alert_state == ALERT_BEGAN ? event->ts_ns : 0;
	model->alert_matching[event->alert] = event->alert_matching;
	model->alert_connections[event->alert] = event->alert_connections;
}

static void read_events(struct view_model *model, struct view_list *list, uint64_t newest,
			bool (*get)(const struct board *, uint64_t, struct board_event *))
{
	struct board_event event;

	if (newest >= list->next && newest - list->next >= LOOK_MAX) {
		list->missed += newest - list->next + 1 - LOOK_MAX;
		list->next = newest + 1 - LOOK_MAX;
	}
	for (; list->next <= newest; list->next++) {
		if (!get(model->board, list->next, &event)) {
			list->missed++;
			continue;
		}
		if (event.kind == BOARD_ALERT)
			take_alert(model, &event);
		if (event_matches(model->filter, &event))
			keep(list, &event);
	}
}

static void count_rates(struct view_model *model)
{
	int64_t elapsed = model->now_ns - model->second_ns;
	const struct snapshot *then = &model->second, *now = &model->now;
	struct view_rates *rates = &model->rates;

	rates->packets = snapshot_rate(then->packets, now->packets, elapsed);
	rates->bits = 8 * snapshot_rate(then->bytes, now->bytes, elapsed);
	rates->connections = snapshot_rate(then->connections, now->connections, elapsed);
	for (int i = 0; i < BOARD_DROPS; i++)
		rates->drops[i] = snapshot_rate(then->drops[i], now->drops[i], elapsed);
	for (int i = 0; i < TEARDOWNS; i++)
		rates->teardowns[i] = snapshot_rate(then->teardowns[i], now->teardowns[i], elapsed);
	model->rates_known = true;
	if (model->history_count == VIEW_HISTORY)
		memmove(model->history, model->history + 1,
			--model->history_count * sizeof(model->history[0]));
	model->history[model->history_count++] = rates->packets;
}

/* Rows move as events come; the selection stays with its event. */
static void follow(struct view_model *model, enum view_panel panel)
{
	const struct board_event *events[VIEW_KEPT];
	struct view_place *place = &model->places[panel];
	size_t count = view_model_events(model, panel, events);

	if (place->number == 0) {
		place->selected = 0;
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (events[i]->number == place->number) {
			place->selected = i;
			return;
		}
	if (place->selected >= count)
		place->selected = count > 0 ? count - 1 : 0;
}

void view_model_look(struct view_model *model, int64_t now_ns)
{
	const struct board *board = model->board;

	if (model->paused)
		return;
	snapshot_take(board, &model->now);
	model->now_ns = now_ns;
	if (model->second_ns == 0 || now_ns < model->second_ns) {
		model->second = model->now;
		model->second_ns = now_ns;
	} else if (now_ns - model->second_ns >= NS_PER_S) {
		count_rates(model);
		model->second = model->now;
		model->second_ns = now_ns;
	}
	model->server_count = board_servers(board, model->servers, BOARD_SERVERS);
	read_events(model, &model->findings, atomic_load(&board->last_event), board_event);
	read_events(model, &model->ends, atomic_load(&board->last_teardown), board_teardown);
	follow(model, VIEW_FINDINGS);
	follow(model, VIEW_ENDS);
}

void view_model_note(struct view_model *model, const char *const *notes, size_t count)
{
	model->note_count = count < VIEW_NOTES ? count : VIEW_NOTES;
	for (size_t i = 0; i < model->note_count; i++)
		snprintf(model->notes[i], VIEW_NOTE_SIZE, "%s", notes[i]);
}

void view_model_say(struct view_model *model, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(model->message, sizeof(model->message), format, arguments);
	va_end(arguments);
}

void view_model_show_ladder(struct view_model *model, char *text)
{
	free(model->ladder);
	model->ladder = text;
	model->ladder_top = 0;
	model->page = VIEW_LADDER;
}
