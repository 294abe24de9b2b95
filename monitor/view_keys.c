/* What keys do to the view. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/view_model.h"

enum { CONTROL_C = 3, CONTROL_L = 12, CONTROL_U = 21 };

const struct board_event *view_model_selected(const struct view_model *model)
{
	const struct board_event *events[VIEW_KEPT];
	size_t selected = model->places[model->focus].selected;

	if (model->focus != VIEW_FINDINGS && model->focus != VIEW_ENDS)
		return NULL;
	return selected < view_model_events(model, model->focus, events) ? events[selected] : NULL;
}

int64_t view_model_connection(const struct view_model *model)
{
	const struct board_event *event = view_model_selected(model);

	return event ? event->connection_id : 0;
}

/* At the newest row it follows whatever comes, elsewhere the event. */
static void select_row(struct view_model *model, size_t row)
{
	struct view_place *place = &model->places[model->focus];
	size_t count = view_model_rows(model, model->focus);
	const struct board_event *event;

	place->selected = row < count ? row : count > 0 ? count - 1 : 0;
	event = view_model_selected(model);
	place->number = event && place->selected > 0 ? event->number : 0;
}

static void move(struct view_model *model, uint32_t key)
{
	size_t row = model->places[model->focus].selected;
	size_t page = model->page_rows > 1 ? (size_t)model->page_rows : 1;

	switch (key) {
	case VIEW_KEY_UP:
		select_row(model, row > 0 ? row - 1 : 0);
		break;
	case VIEW_KEY_DOWN:
		select_row(model, row + 1);
		break;
	case VIEW_KEY_PAGE_UP:
		select_row(model, row > page ? row - page : 0);
		break;
	case VIEW_KEY_PAGE_DOWN:
		select_row(model, row + page);
		break;
	case VIEW_KEY_HOME:
		select_row(model, 0);
		break;
	default:
		select_row(model, SIZE_MAX);
	}
}

static void filter_by(struct view_model *model, const char *filter)
{
	snprintf(model->filter, sizeof(model->filter), "%s", filter);
	for (int panel = VIEW_FINDINGS; panel <= VIEW_ENDS; panel++)
		model->places[panel] = (struct view_place){.sort = model->places[panel].sort};
}

/* A class or a server becomes the filter, an event opens its connection. */
static enum view_wish enter(struct view_model *model)
{
	size_t selected = model->places[model->focus].selected;
	const struct board_server *servers[BOARD_SERVERS];
	enum teardown classes[TEARDOWNS];
	char text[BOARD_END_SIZE];

	if (model->focus == VIEW_CLASSES) {
		if (selected >= view_model_classes(model, classes))
			return VIEW_NOTHING;
		filter_by(model, teardown_name(classes[selected]));
		model->focus = VIEW_ENDS;
		return VIEW_NOTHING;
	}
	if (model->focus == VIEW_SERVERS) {
		if (selected >= view_model_servers(model, servers))
			return VIEW_NOTHING;
		filter_by(model, board_end_text(&servers[selected]->end, text));
		model->focus = VIEW_ENDS;
		return VIEW_NOTHING;
	}
	if (!view_model_selected(model))
		return VIEW_NOTHING;
	if (view_model_connection(model) == 0) {
		view_model_say(model, "there is no stored connection behind this row");
		return VIEW_NOTHING;
	}
	return VIEW_OPEN_LADDER;
}

/* Whole characters go. */
static void erase_one(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	text[length > 0 ? length - 1 : 0] = '\0';
}

static void append(char text[VIEW_FILTER_SIZE], uint32_t character)
{
	size_t length = strlen(text);
	char bytes[5] = "";

	if (character < 0x80)
		snprintf(bytes, sizeof(bytes), "%c", (char)character);
	else if (character < 0x800)
		snprintf(bytes, sizeof(bytes), "%c%c", (char)(0xc0 | character >> 6),
			 (char)(0x80 | (character & 0x3f)));
	else if (character < 0x10000)
		snprintf(bytes, sizeof(bytes), "%c%c%c", (char)(0xe0 | character >> 12),
			 (char)(0x80 | (character >> 6 & 0x3f)), (char)(0x80 | (character & 0x3f)));
	if (length + strlen(bytes) < VIEW_FILTER_SIZE)
		strcpy(text + length, bytes);
}

static void edit(struct view_model *model, uint32_t key)
{
	switch (key) {
	case VIEW_KEY_ENTER:
		filter_by(model, model->edited);
		model->editing = false;
		break;
	case VIEW_KEY_ESCAPE:
		model->editing = false;
		break;
	case VIEW_KEY_BACKSPACE:
		erase_one(model->edited);
		break;
	case CONTROL_U:
		model->edited[0] = '\0';
		break;
	default:
		if (key >= ' ' && key != 0x7f && key < 0x110000)
			append(model->edited, key);
	}
}

static void scroll_ladder(struct view_model *model, uint32_t key)
{
	size_t page = model->page_rows > 1 ? (size_t)model->page_rows : 1, lines = 0;
	size_t *top = &model->ladder_top, last;

	for (const char *at = model->ladder; at && (at = strchr(at, '\n')); at++)
		lines++;
	last = lines > page ? lines - page : 0;
	switch (key) {
	case VIEW_KEY_UP:
		*top -= *top > 0;
		break;
	case VIEW_KEY_DOWN:
		*top += 1;
		break;
	case VIEW_KEY_PAGE_UP:
		*top = *top > page ? *top - page : 0;
		break;
	case VIEW_KEY_PAGE_DOWN:
	case ' ':
		*top += page;
		break;
	case VIEW_KEY_HOME:
		*top = 0;
		break;
	case VIEW_KEY_END:
		*top = last;
		break;
	default:
		model->page = VIEW_MAIN;
	}
	if (*top > last)
		*top = last;
}

static void sort_on(struct view_model *model)
{
	struct view_place *place = &model->places[model->focus];

	place->sort++;
	if (!view_model_sort_name(model->focus, place->sort))
		place->sort = 0;
	place->selected = place->top = 0;
	place->number = 0;
}

static enum view_wish main_key(struct view_model *model, uint32_t key)
{
	switch (key) {
	case ' ':
	case 'p':
		model->paused = !model->paused;
		break;
	case '/':
		snprintf(model->edited, sizeof(model->edited), "%s", model->filter);
		model->editing = true;
		break;
	case VIEW_KEY_ESCAPE:
		filter_by(model, "");
		break;
	case 's':
		sort_on(model);
		break;
	case '?':
	case 'h':
		model->page = VIEW_HELP;
		break;
	case VIEW_KEY_TAB:
		model->focus = (model->focus + 1) % VIEW_PANELS;
		break;
	case VIEW_KEY_BACK_TAB:
		model->focus = (model->focus + VIEW_PANELS - 1) % VIEW_PANELS;
		break;
	case VIEW_KEY_ENTER:
		return enter(model);
	default:
		if (key >= VIEW_KEY_UP && key <= VIEW_KEY_END)
			move(model, key);
	}
	return VIEW_NOTHING;
}

enum view_wish view_model_key(struct view_model *model, uint32_t key)
{
	model->message[0] = '\0';
	if (key == CONTROL_C)
		return VIEW_QUIT;
	if (key == CONTROL_L)
		return VIEW_REDRAW;
	if (model->editing) {
		edit(model, key);
		return VIEW_NOTHING;
	}
	if (key == 'j' || key == 'k')
		key = key == 'j' ? VIEW_KEY_DOWN : VIEW_KEY_UP;
	if (key == 'g' || key == 'G')
		key = key == 'g' ? VIEW_KEY_HOME : VIEW_KEY_END;
	if (model->page == VIEW_MAIN)
		return key == 'q' ? VIEW_QUIT : main_key(model, key);
	if (model->page == VIEW_HELP)
		model->page = VIEW_MAIN; /* any key */
	else
		scroll_ladder(model, key);
	return VIEW_NOTHING;
}
