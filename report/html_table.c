/* The table of connections: its frame, and the rows as columns of numbers for report/assets/report.js.
 *
 * {"t0":ms of the first row, "cut":rows left out, "hosts":[...], "teardowns":[...], "closers":[...],
 *  "causes":[...], "applications":[...], "codes":[[code, severity]...],
 *  "c":{"id":[...],"t":[...],...}, "f":[row's id, code, row's id, code...]}
 * id and t (ms) are differences to the row before; host, class, cause and so on are positions in
 * their lists. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "db/sql_error.h"
#include "report/format.h"
#include "db/row_step.h"
#include "report/html_parts.h"

enum { ROWS_MAX = 250000 };

/* JSON inside a script element: no "<" may stand in it. False without memory. */
static bool script_text(FILE *out, const char *text)
{
	char *json = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&json, &size);

	if (memory)
		write_json(memory, text, strlen(text));
	if (!memory_stream_close(memory, &json)) {
		free(json);
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		if (json[i] == '<' || json[i] == '>' || json[i] == '&')
			fprintf(out, "\\u%04x", json[i]);
		else
			putc(json[i], out);
	}
	free(json);
	return true;
}

struct column {
	const char *name;
	const char *sql;
	bool differences;
};

/* Positions in the lists are ids looked up by the script; -1 is NULL. */
static const struct column columns[] = {
	{"id", "c.id", true},
	{"t", "c.first_ns / 1000000", true},
	{"d", "c.duration_ns / 1000", false},
	{"i", "c.initiator_id", false},
	{"ip", "c.ports & 65535", false},
	{"r", "c.responder_id", false},
	{"rp", "c.ports >> 16", false},
	{"o", "c.outcome_id", false},
	{"a", "coalesce(c.application_id, -1)", false},
	{"n", "c.packets_initiator + c.packets_responder", false},
	{"b", "c.bytes_initiator + c.bytes_responder", false},
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* A column's array grows in memory while the rows pass. */
struct gathering {
	FILE *stream[COLUMNS];
	char *text[COLUMNS];
	size_t size[COLUMNS];
	int64_t last[COLUMNS];
	uint64_t rows;
};

static void gather(struct gathering *g, sqlite3_stmt *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		int64_t value = sqlite3_column_int64(row, i);

		fprintf(g->stream[i], "%s%" PRId64, g->rows > 0 ? "," : "",
			columns[i].differences ? value - g->last[i] : value);
		g->last[i] = value;
	}
	g->rows++;
}

static bool failed(struct html *html, struct error *err)
{
	return sql_error(store_handle(html->store), err);
}

static sqlite3_stmt *rows_statement(struct html *html, struct error *err)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);
	sqlite3_stmt *s = NULL;
	char *text;

	sqlite3_str_appendall(sql, "SELECT ");
	for (int i = 0; i < COLUMNS; i++)
		sqlite3_str_appendf(sql, "%s%s", i > 0 ? ", " : "", columns[i].sql);
	sqlite3_str_appendf(sql, " FROM connections AS c ORDER BY c.first_ns, c.id LIMIT %d",
			    ROWS_MAX);
	text = sqlite3_str_finish(sql);
	if (!text)
		error_set(err, "out of memory");
	else if (sqlite3_prepare_v2(store_handle(html->store), text, -1, &s, NULL) != SQLITE_OK)
		failed(html, err);
	sqlite3_free(text);
	return s;
}

static bool tell_rows(struct html *html, struct error *err)
{
	struct gathering g = {.rows = 0};
	sqlite3_stmt *s = rows_statement(html, err);
	bool good = s != NULL;
	int step = SQLITE_DONE;

	for (int i = 0; i < COLUMNS; i++)
		g.stream[i] = open_memstream(&g.text[i], &g.size[i]);
	for (int i = 0; i < COLUMNS && good; i++)
		good = g.stream[i] || error_set(err, "out of memory");
	while (good && (step = row_step(s)) == SQLITE_ROW)
		gather(&g, s);
	if (good && step != SQLITE_DONE)
		good = failed(html, err);
	sqlite3_finalize(s);
	fputs(",\n\"c\":{", html->out);
	for (int i = 0; i < COLUMNS; i++) {
		if (!memory_stream_close(g.stream[i], &g.text[i]) && good)
			good = error_set(err, "out of memory");
		fprintf(html->out, "%s\"%s\":[%s]", i > 0 ? ",\n" : "", columns[i].name,
			g.text[i] ? g.text[i] : "");
		free(g.text[i]);
	}
	fprintf(html->out, "},\n\"rows\":%" PRIu64 ",\"all\":%" PRIu64, g.rows,
		html->summary->connections);
	return good;
}

/* ,"name":[[...],...] of a statement's rows: numbers as they are, text escaped. */
static bool tell_list(struct html *html, const char *name, const char *sql, struct error *err)
{
	FILE *out = html->out;
	sqlite3_stmt *s;
	bool first = true, lost = false;
	int step;

	if (sqlite3_prepare_v2(store_handle(html->store), sql, -1, &s, NULL) != SQLITE_OK)
		return failed(html, err);
	fprintf(out, ",\n\"%s\":[", name);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		fputs(first ? "[" : ",[", out);
		first = false;
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			int type = sqlite3_column_type(s, i);
			const char *text = (const char *)sqlite3_column_text(s, i);

			fputs(i > 0 ? "," : "", out);
			lost |= !text && type != SQLITE_NULL; /* for want of memory */
			if (!text)
				fputs("null", out);
			else if (type == SQLITE_INTEGER)
				fputs(text, out);
			else
				lost |= !script_text(out, text);
		}
		putc(']', out);
	}
	putc(']', out);
	sqlite3_finalize(s);
	if (lost)
		return error_set(err, "out of memory");
	return step == SQLITE_DONE || failed(html, err);
}

static bool tell_data(struct html *html, struct error *err)
{
	FILE *out = html->out;
	bool good;

	fputs("<script type=\"application/json\" id=\"data\">{\"version\":1", out);
	good = tell_list(html, "hosts", "SELECT id, address FROM hosts", err) &&
	       tell_list(html, "outcomes",
			 "SELECT id, teardown, closer, complete, rst_cause FROM outcomes", err) &&
	       tell_list(html, "applications",
			 "SELECT id, name, coalesce(server_name, '') FROM applications", err) &&
	       tell_list(html, "codes", "SELECT id, code, severity FROM finding_codes", err) &&
	       tell_list(html, "findings",
			 "SELECT connection_id, code_id, max(severity) FROM finding_rows"
			 " GROUP BY connection_id, code_id",
			 err) &&
	       tell_rows(html, err);
	fputs(",\n\"drawn\":[", out);
	for (size_t i = 0; i < html->drawn_count; i++)
		fprintf(out, "%s%" PRId64, i > 0 ? "," : "", html->drawn[i]);
	fputs("]}</script>\n", out);
	return good;
}

static void tell_controls(struct html *html)
{
	const struct tally *tally = &html->summary->teardown;
	FILE *out = html->out;

	fputs("<form id=\"filters\" class=\"controls\" role=\"search\" aria-label=\"Filter "
	      "connections\">\n<label>Find <input id=\"find\" type=\"search\" autocomplete=\"off\""
	      " placeholder=\"address, :port, class, finding, id\"></label>\n"
	      "<label>Ended <select id=\"class\"><option value=\"\">any way</option>",
	      out);
	for (size_t i = 0; i < tally->count; i++) {
		if (tally->item[i].count > 0)
			fprintf(out, "<option>%s</option>", tally->item[i].name);
	}
	fputs("</select></label>\n<label>Findings <select id=\"severity\"><option value=\"-1\">all"
	      "</option><option value=\"0\">any finding</option><option value=\"1\">warning or "
	      "error"
	      "</option><option value=\"2\">error</option></select></label>\n"
	      "<p id=\"matches\" role=\"status\"></p>\n</form>\n",
	      out);
}

bool html_table(struct html *html, struct error *err)
{
	static const struct {
		const char *key, *title;
		bool number;
	} heads[] = {{"id", "id", true},        {"t", "began (UTC)", false},
		     {"d", "lasted", true},     {"i", "initiator", false},
		     {"r", "responder", false}, {"a", "application", false},
		     {"o", "teardown", false},  {"f", "findings", false},
		     {"k", "closed by", false}, {"x", "reset because", false},
		     {"n", "packets", true},    {"b", "payload", true}};
	FILE *out = html->out;

	fputs("<section aria-labelledby=\"connections\">\n<h2 id=\"connections\">Connections</h2>\n"
	      "<noscript><p>The table needs the script of this page; <code>lastack query</code> "
	      "lists the same rows.</p></noscript>\n<div id=\"table\" hidden>\n",
	      out);
	tell_controls(html);
	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Connections, "
	      "table\">"
	      "<table id=\"rows\" class=\"rows\">\n<thead><tr>",
	      out);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		fprintf(out,
			"<th scope=\"col\"%s%s><button type=\"button\" data-key=\"%s\">%s"
			"</button></th>",
			heads[i].number ? " class=\"number\"" : "",
			strcmp(heads[i].key, "t") == 0 ? " aria-sort=\"ascending\"" : "",
			heads[i].key, heads[i].title);
	fputs("</tr></thead>\n<tbody></tbody>\n</table></div>\n"
	      "<nav class=\"pager\" aria-label=\"Pages of the table\">"
	      "<button type=\"button\" id=\"first\">first</button>"
	      "<button type=\"button\" id=\"previous\">previous</button>"
	      "<label>page <input id=\"page\" type=\"number\" min=\"1\" value=\"1\"></label>"
	      "<span id=\"pages\"></span>"
	      "<button type=\"button\" id=\"next\">next</button>"
	      "<button type=\"button\" id=\"last\">last</button></nav>\n</div>\n</section>\n",
	      out);
	return tell_data(html, err);
}
