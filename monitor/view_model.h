/* What the full-screen view shows, and how keys change it: no terminal, no drawing, no clock.
 *
 * The board is looked at by view_model_look(). Rates are those of the last whole second that was looked
 * at. Of events the newest VIEW_KEPT of each list are kept; with a filter, the newest that match. */
#ifndef LASTACK_MONITOR_VIEW_MODEL_H
#define LASTACK_MONITOR_VIEW_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/alert.h"
#include "monitor/board.h"
#include "monitor/snapshot.h"

enum {
	VIEW_KEPT = 1000,
	VIEW_HISTORY = 120, /* seconds of packets/s */
	VIEW_FILTER_SIZE = 80,
	VIEW_ROW_TEXT = 512,
	VIEW_NOTES = 16,
	VIEW_NOTE_SIZE = 200,
};

enum view_panel {
	VIEW_CLASSES,  /* teardowns by class */
	VIEW_SERVERS,  /* by bad endings */
	VIEW_FINDINGS, /* with alerts and troubles, newest first */
	VIEW_ENDS,     /* connections as they end, newest first */
	VIEW_PANELS
};

enum view_page { VIEW_MAIN, VIEW_HELP, VIEW_LADDER };

/* The newest events of one ring, matching the filter. */
struct view_list {
	struct board_event events[VIEW_KEPT];
	size_t first, count; /* events[(first + i) % VIEW_KEPT], oldest first */
	uint64_t next;       /* number to read */
	uint64_t missed;     /* overwritten before they were read */
};

struct view_place {
	size_t selected; /* row, from 0 */
	size_t top;      /* first row shown; the painter keeps selected in sight */
	uint64_t number; /* of the selected event, which it follows; 0: the newest, whichever */
	unsigned sort;
};

struct view_rates {
	double packets, bits, connections, drops[BOARD_DROPS];
	double teardowns[TEARDOWNS];
};

struct view_model {
	const struct board *board;
	const struct alert_condition *conditions; /* of the run; borrowed */
	size_t condition_count;

	struct snapshot now;
	int64_t now_ns;
	struct snapshot second; /* where rates are counted from */
	int64_t second_ns;
	struct view_rates rates;
	bool rates_known;
	double history[VIEW_HISTORY]; /* packets/s, the newest at history_count - 1 */
	size_t history_count;
	struct board_server servers[BOARD_SERVERS];
	size_t server_count;
	struct view_list findings, ends;
	int64_t alert_since_ns[ALERT_CONDITIONS]; /* 0: does not hold */
	uint64_t alert_matching[ALERT_CONDITIONS], alert_connections[ALERT_CONDITIONS];
	char notes[VIEW_NOTES][VIEW_NOTE_SIZE]; /* of the host's sockets */
	size_t note_count;

	bool paused;
	enum view_page page;
	enum view_panel focus;
	struct view_place places[VIEW_PANELS];
	char filter[VIEW_FILTER_SIZE];
	bool editing; /* the filter */
	char edited[VIEW_FILTER_SIZE];

	char message[VIEW_NOTE_SIZE]; /* for the last line; "": none */
	char *ladder;                 /* text of the connection that is shown; owned */
	size_t ladder_top;
	int page_rows; /* told by the painter: rows of a page to scroll by */
};

/* Zeroed before. */
void view_model_open(struct view_model *model, const struct board *board,
		     const struct alert_condition *conditions, size_t condition_count);
void view_model_close(struct view_model *model);

/* Takes what is new on the board, unless paused. */
void view_model_look(struct view_model *model, int64_t now_ns);
/* What is known of the host's own sockets, a line each; takes the place of the earlier ones. */
void view_model_note(struct view_model *model, const char *const *notes, size_t count);

/* Keys that are no characters. */
enum view_key {
	VIEW_KEY_UP = 0x110000, /* beyond Unicode */
	VIEW_KEY_DOWN,
	VIEW_KEY_PAGE_UP,
	VIEW_KEY_PAGE_DOWN,
	VIEW_KEY_HOME,
	VIEW_KEY_END,
	VIEW_KEY_ENTER,
	VIEW_KEY_ESCAPE,
	VIEW_KEY_BACKSPACE,
	VIEW_KEY_TAB,
	VIEW_KEY_BACK_TAB,
};

enum view_wish { VIEW_NOTHING, VIEW_QUIT, VIEW_OPEN_LADDER, VIEW_REDRAW };

/* What the program has to do for it. VIEW_OPEN_LADDER: of view_model_connection(), to be answered by
 * view_model_show_ladder() or a message. */
enum view_wish view_model_key(struct view_model *model, uint32_t key);
/* The event of the selected row; NULL: it has none. */
const struct board_event *view_model_selected(const struct view_model *model);
int64_t view_model_connection(const struct view_model *model);     /* 0: that row has none stored */
void view_model_show_ladder(struct view_model *model, char *text); /* takes text, malloc'd */
void view_model_say(struct view_model *model, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The rows of a panel, filtered and sorted as it is shown. Each returns how many; room is at least
 * TEARDOWNS, BOARD_SERVERS, VIEW_KEPT. */
size_t view_model_classes(const struct view_model *model, enum teardown *classes);
size_t view_model_servers(const struct view_model *model, const struct board_server **servers);
size_t view_model_events(const struct view_model *model, enum view_panel panel,
			 const struct board_event **events);
size_t view_model_rows(const struct view_model *model, enum view_panel panel);
const char *view_model_sort_name(enum view_panel panel, unsigned sort);

/* How bad a class is: 0 as it should be, 1 worth a look, 2 cut off. */
unsigned view_class_weight(enum teardown teardown);
/* All of an event in one line, as the filter sees it. */
const char *view_event_text(const struct board_event *event, char out[VIEW_ROW_TEXT]);
/* Why or by whom a connection ended: "data_after_close", "by responder", "idle_timeout". */
const char *view_end_words(const struct board_event *event, char out[VIEW_ROW_TEXT]);
/* All words of filter are in text, those with a '!' are not; case does not matter. */
bool view_filter_matches(const char *filter, const char *text);

#endif
