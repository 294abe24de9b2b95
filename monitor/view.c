#include "monitor/view.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/memory_stream.h"
#include "db/store.h"
#include "monitor/canvas.h"
#include "monitor/view_model.h"
#include "monitor/view_paint.h"
#include "report/ladder_view.h"
#include "report/show.h"

enum { ESCAPE_MS = 25, LADDER_WIDTH_MAX = 160, ROWS_MAX = 500, COLUMNS_MAX = 1000 };

struct view {
	SCREEN *screen;
	const char *database;
	struct style style;
	struct view_model model;
	struct canvas canvas;
	attr_t inks[CANVAS_INKS];
	short pairs[CANVAS_INKS];
};

/* Without colours the important is bold or reversed, and nothing depends on more. */
static void choose_inks(struct view *view)
{
	static const struct {
		attr_t plain, colored;
		short color;
	} inks[CANVAS_INKS] = {
		[CANVAS_PLAIN] = {A_NORMAL, A_NORMAL, -1},
		[CANVAS_STRONG] = {A_BOLD, A_BOLD, -1},
		[CANVAS_QUIET] = {A_NORMAL, A_DIM, -1},
		[CANVAS_GOOD] = {A_NORMAL, A_NORMAL, COLOR_GREEN},
		[CANVAS_ACCENT] = {A_BOLD, A_NORMAL, COLOR_CYAN},
		[CANVAS_WARNING] = {A_NORMAL, A_NORMAL, COLOR_YELLOW},
		[CANVAS_BAD] = {A_BOLD, A_BOLD, COLOR_RED},
		[CANVAS_LOUD] = {A_REVERSE | A_BOLD, A_BOLD, COLOR_WHITE},
	};

	if (view->style.color && start_color() == OK && has_colors())
		use_default_colors();
	else
		view->style.color = false;
	for (short i = 0; i < CANVAS_INKS; i++) {
		view->inks[i] = view->style.color ? inks[i].colored : inks[i].plain;
		view->pairs[i] = 0;
		if (view->style.color && inks[i].color >= 0 &&
		    init_pair((short)(i + 1), inks[i].color, i == CANVAS_LOUD ? COLOR_RED : -1) ==
			    OK)
			view->pairs[i] = (short)(i + 1);
	}
}

static void set_modes(void)
{
	raw(); /* Ctrl-C and Ctrl-Z are keys: they would reach the processes beside this one */
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
}

static bool fit(struct view *view, struct error *err)
{
	int rows = LINES < ROWS_MAX ? LINES : ROWS_MAX;
	int columns = COLS < COLUMNS_MAX ? COLS : COLUMNS_MAX;

	if (rows == view->canvas.rows && columns == view->canvas.columns)
		return true;
	return canvas_resize(&view->canvas, rows, columns, err);
}

/* A terminal whose cursor cannot be placed would do for curses, but for nobody who looks at it. */
static SCREEN *open_screen(struct error *err)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);
	const char *term = getenv("TERM");

	if (screen && tigetstr("cup"))
		return screen;
	if (screen) {
		endwin();
		delscreen(screen);
	}
	error_set(err, "the terminal '%s' cannot show a full-screen view", term ? term : "");
	return NULL;
}

struct view *view_open(const struct board *board, const struct alert_condition *conditions,
		       size_t condition_count, const char *database, const struct style *style,
		       struct error *err)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view) {
		error_set(err, "no memory for the view");
		return NULL;
	}
	view->database = database;
	view->style = *style;
	view->canvas.unicode = style->unicode;
	view->screen = open_screen(err);
	if (!view->screen) {
		free(view);
		return NULL;
	}
	set_modes();
	choose_inks(view);
	view_model_open(&view->model, board, conditions, condition_count);
	if (!fit(view, err)) {
		view_close(view);
		return NULL;
	}
	return view;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	endwin();
	delscreen(view->screen);
	view_model_close(&view->model);
	canvas_free(&view->canvas);
	free(view);
}

void view_note(struct view *view, const char *const *notes, size_t count)
{
	view_model_note(&view->model, notes, count);
}

void view_say(struct view *view, const char *text)
{
	view_model_say(&view->model, "%s", text);
}

static void put_cell(const struct view *view, int row, int column, const struct canvas_cell *cell)
{
	attr_t attributes = cell->selected ? A_REVERSE : view->inks[cell->ink];
	short pair = cell->selected ? 0 : view->pairs[cell->ink];
	const char *text = cell->text[0] ? cell->text : " ";
	wchar_t wide[8];
	cchar_t c;

	if (cell->second)
		return;
	if (mbstowcs(wide, text, 8) == (size_t)-1)
		wcscpy(wide, L"?");
	wide[CCHARW_MAX] = L'\0';
	if (setcchar(&c, wide, attributes, pair, NULL) == OK)
		mvadd_wch(row, column, &c);
}

static void put_canvas(const struct view *view)
{
	for (int row = 0; row < view->canvas.rows; row++)
		for (int column = 0; column < view->canvas.columns; column++)
			put_cell(view, row, column, canvas_cell(&view->canvas, row, column));
	refresh();
}

void view_draw(struct view *view, int64_t now_ns)
{
	if (!fit(view, NULL))
		return;
	view_model_look(&view->model, now_ns);
	view_paint(&view->canvas, &view->model);
	put_canvas(view);
}

/* Text of the connection, or NULL with err. */
static char *read_ladder(const struct view *view, int64_t id, struct error *err)
{
	struct style style = view->style;
	struct ladder_view *ladder;
	struct store *store = store_open(view->database, STORE_READ, err);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!store)
		return NULL;
	style.width = view->canvas.columns < LADDER_WIDTH_MAX ? (unsigned)view->canvas.columns
							      : LADDER_WIDTH_MAX;
	ladder = ladder_view_read(store, id, err);
	store_name_error(store, true, err);
	out = ladder ? open_memstream(&text, &size) : NULL;
	if (out)
		show_text(out, &style, ladder);
	if (ladder && !memory_stream_close(out, &text)) {
		error_set(err, "out of memory");
		free(text);
		text = NULL;
	}
	ladder_view_free(ladder);
	store_close(store);
	return text;
}

static void open_ladder(struct view *view)
{
	int64_t id = view_model_connection(&view->model);
	struct error err = {""};
	char *text;

	if (!view->database) {
		view_model_say(&view->model, "nothing is stored: there is no ladder");
		return;
	}
	text = read_ladder(view, id, &err);
	if (text)
		view_model_show_ladder(&view->model, text);
	else
		view_model_say(&view->model, "%s (rows are stored about a second late)", err.text);
}

static uint32_t key_of(wint_t key, bool special)
{
	static const struct {
		wint_t curses;
		uint32_t key;
	} known[] = {
		{KEY_UP, VIEW_KEY_UP},         {KEY_DOWN, VIEW_KEY_DOWN},
		{KEY_PPAGE, VIEW_KEY_PAGE_UP}, {KEY_NPAGE, VIEW_KEY_PAGE_DOWN},
		{KEY_HOME, VIEW_KEY_HOME},     {KEY_END, VIEW_KEY_END},
		{KEY_ENTER, VIEW_KEY_ENTER},   {KEY_BACKSPACE, VIEW_KEY_BACKSPACE},
		{KEY_BTAB, VIEW_KEY_BACK_TAB},
	};

	if (!special)
		return key == '\r' || key == '\n' ? VIEW_KEY_ENTER
		       : key == '\t'              ? VIEW_KEY_TAB
		       : key == 27                ? VIEW_KEY_ESCAPE
		       : key == 127 || key == 8   ? VIEW_KEY_BACKSPACE
						  : (uint32_t)key;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].curses == key)
			return known[i].key;
	return 0;
}

static bool terminal_is_gone(void)
{
	struct winsize size;

	return ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0;
}

bool view_keys(struct view *view, int64_t now_ns)
{
	bool any = false;
	wint_t key;
	int result;

	while ((result = get_wch(&key)) != ERR) {
		any = true;
		if (result == KEY_CODE_YES && key == KEY_RESIZE)
			continue; /* LINES and COLS are new */
		switch (view_model_key(&view->model, key_of(key, result == KEY_CODE_YES))) {
		case VIEW_QUIT:
			return false;
		case VIEW_OPEN_LADDER:
			open_ladder(view);
			break;
		case VIEW_REDRAW:
			clearok(curscr, TRUE);
			break;
		default:
			break;
		}
	}
	if (any)
		view_draw(view, now_ns);
	return any || !terminal_is_gone();
}
