/* In place of view.c where ncurses is not there. */
#include <stddef.h>

#include "monitor/view.h"

struct view *view_open(const struct board *board, const struct alert_condition *conditions,
		       size_t condition_count, const char *database, const struct style *style,
		       struct error *err)
{
	(void)board;
	(void)conditions;
	(void)condition_count;
	(void)database;
	(void)style;
	error_set(err, "lastack was built without ncurses: there is no full-screen view");
	return NULL;
}

void view_close(struct view *view)
{
	(void)view;
}

bool view_keys(struct view *view, int64_t now_ns)
{
	(void)view;
	(void)now_ns;
	return false;
}

void view_draw(struct view *view, int64_t now_ns)
{
	(void)view;
	(void)now_ns;
}

void view_note(struct view *view, const char *const *notes, size_t count)
{
	(void)view;
	(void)notes;
	(void)count;
}

void view_say(struct view *view, const char *text)
{
	(void)view;
	(void)text;
}
