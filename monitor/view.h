/* The full-screen view on a terminal: ncurses around view_model and view_paint. */
#ifndef LASTACK_MONITOR_VIEW_H
#define LASTACK_MONITOR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "monitor/alert.h"
#include "monitor/board.h"
#include "report/style.h"

struct view;

/* Takes the terminal at standard input and output. NULL with err, and the terminal as it was: it can do
 * nothing of the kind, or lastack was built without ncurses. */
struct view *view_open(const struct board *board, const struct alert_condition *conditions,
		       size_t condition_count, const char *database, const struct style *style,
		       struct error *err);
/* Gives the terminal back. NULL is fine. */
void view_close(struct view *view);

/* Acts on the keys that were pressed, if any, and on a new size; does not wait. False: the user wants to
 * leave, or the terminal is gone. */
bool view_keys(struct view *view, int64_t now_ns);
/* Looks at the board and draws. */
void view_draw(struct view *view, int64_t now_ns);
/* What is known of the host's own sockets. */
void view_note(struct view *view, const char *const *notes, size_t count);
/* A sentence, in the last line until the next key. */
void view_say(struct view *view, const char *text);

#endif
