/* The rows of the view's panels: which are shown, in which order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/view_model.h"

enum { SORTS_MAX = 4 };

/* The first is how a panel begins. */
static const char *const sort_names[VIEW_PANELS][SORTS_MAX] = {
	[VIEW_CLASSES] = {"by count", "by rate", "in order", NULL},
	[VIEW_SERVERS] = {"by bad endings", "by share of bad", "by connections", NULL},
	[VIEW_FINDINGS] = {"newest first", "worst first", NULL},
	[VIEW_ENDS] = {"newest first", "worst first", NULL},
};

const char *view_model_sort_name(enum view_panel panel, unsigned sort)
{
	return sort < SORTS_MAX ? sort_names[panel][sort] : NULL;
}

static bool class_before(const struct view_model *model, enum teardown one, enum teardown other)
{
	unsigned sort = model->places[VIEW_CLASSES].sort;

	if (sort == 0)
		return model->now.teardowns[one] > model->now.teardowns[other];
	return sort == 1 && model->rates.teardowns[one] > model->rates.teardowns[other];
}

/* Insertion keeps equal ones in the taxonomy's order. Classes that never came are left out. */
size_t view_model_classes(const struct view_model *model, enum teardown *classes)
{
	size_t count = 0;

	for (int class = 0; class < TEARDOWNS; class ++) {
		size_t at = count;

		if (model->now.teardowns[class] == 0)
			continue;
		for (; at > 0 && class_before(model, (enum teardown) class, classes[at - 1]); at--)
			classes[at] = classes[at - 1];
		classes[at] = (enum teardown) class;
		count++;
	}
	return count;
}

static double bad_share(const struct board_server *server)
{
	return server->connections ? (double)server->bad / (double)server->connections : 0;
}

static bool server_before(unsigned sort, const struct board_server *one,
			  const struct board_server *other)
{
	if (sort == 0)
		return one->bad > other->bad;
	if (sort == 1)
		return bad_share(one) > bad_share(other);
	return one->connections > other->connections;
}

size_t view_model_servers(const struct view_model *model, const struct board_server **servers)
{
	size_t count = 0;

	for (size_t i = 0; i < model->server_count; i++) {
		const struct board_server *server = &model->servers[i];
		size_t at = count;

		for (; at > 0 &&
		       server_before(model->places[VIEW_SERVERS].sort, server, servers[at - 1]);
		     at--)
			servers[at] = servers[at - 1];
		servers[at] = server;
		count++;
	}
	return count;
}

static unsigned event_weight(const struct board_event *event)
{
	return event->kind == BOARD_TEARDOWN ? view_class_weight(event->teardown) : event->severity;
}

enum { WEIGHTS = 3 };

/* Newest first; worst first goes through them once a weight. */
size_t view_model_events(const struct view_model *model, enum view_panel panel,
			 const struct board_event **events)
{
	const struct view_list *list = panel == VIEW_ENDS ? &model->ends : &model->findings;
	bool worst_first = model->places[panel].sort == 1;
	size_t count = 0;

	for (int weight = worst_first ? WEIGHTS - 1 : 0; weight >= 0; weight--)
		for (size_t i = list->count; i > 0; i--) {
			const struct board_event *event =
				&list->events[(list->first + i - 1) % VIEW_KEPT];
			unsigned own = event_weight(event);
			char text[VIEW_ROW_TEXT];

			if (worst_first && (own < WEIGHTS ? own : WEIGHTS - 1) != (unsigned)weight)
				continue;
			if (*model->filter == '\0' ||
			    view_filter_matches(model->filter, view_event_text(event, text)))
				events[count++] = event;
		}
	return count;
}

size_t view_model_rows(const struct view_model *model, enum view_panel panel)
{
	const struct board_event *events[VIEW_KEPT];
	enum teardown classes[TEARDOWNS];

	switch (panel) {
	case VIEW_CLASSES:
		return view_model_classes(model, classes);
	case VIEW_SERVERS:
		return model->server_count;
	default:
		return view_model_events(model, panel, events);
	}
}
