#!/usr/bin/env python3
"""No SQL is made of data: values are bound, and what is put together is the program's own text.

    check_sql.py FOLDER

Looks at every call in the sources below FOLDER that writes text into a statement. What it puts in by %s,
or appends, must be a string of the source, a choice between such, or stand in the list below, where
somebody has looked at where it comes from. Prints 'N passed, N failed'; exit status 0 all well, 1 not.
"""
import pathlib
import re
import sys

FOLDERS = ("cli", "db", "monitor", "report", "streams")
FORMATTED = {"sqlite3_str_appendf": 1, "sqlite3_mprintf": 0, "sqlite3_snprintf": 2, "snprintf": 2, "asprintf": 1}
APPENDED = {"sqlite3_str_appendall": 1, "sqlite3_str_append": 1}
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE|DROP|ATTACH|PRAGMA|WHERE|ORDER BY|VALUES)\b")

# What is put in, and where it comes from.
AUDITED = {
	"db/query.c": {
		"sqlite3_str_value(from)": "made here by the same rules",
		"groups[group].value": "a table of the source", "groups[group].join": "a table of the source",
		"groups[group].condition": "a table of the source", "groups[group].name": "a table of the source",
		"all_sql": "a string of the source",
	},
	"db/query_filter.c": {
		"outcome_filters[i].column": "a table of the source", "outcome_filters[i].parameter": "a table of the source",
	},
	"db/query_parts.c": {
		"e->end": "a table of the source: initiator, responder",
		"e->port": "a table of the source: a parameter's name", "e->range": "a table of the source: a parameter's name",
		"first_ns": "a column's name, from the caller", "from[plan->way]": "a table of the source",
	},
	"db/recording_rows.c": {
		"paths[0]": "no SQL: the text that names a recording, which is bound", "paths[i]": "the same",
	},
	"db/schema.c": {
		"name": "a string of the source", "index_names[i]": "a table of the source",
	},
	"db/views.c": {
		"name": "a view's name, a string of the source", "columns[i].expression": "a table of the source",
		"columns[i].name": "a table of the source", "from": "a string of the source", "column": "a column's name",
		"s->side": "a table of the source", "s->entry": "the same", "s->dwell": "the same",
		"s->condition": "the same",
		"name(value)": "names of the program's enumerations, quoted by %Q",
	},
	"report/html_table.c": {
		"columns[i].sql": "a table of the source",
	},
}

STRING = r'"(?:[^"\\]|\\.)*"'
LITERAL = re.compile(r"\A(?:\s*(?:%s|[A-Z][A-Z0-9_]*(?:\(\w*\))?))+\s*\Z" % STRING)


def arguments(text, at):
	"""The arguments of a call whose parenthesis opens at this place."""
	parts, depth, begin = [], 0, at + 1
	token = re.compile(r"%s|'(?:[^'\\]|\\.)'|[(){}\[\],]" % STRING)
	for match in token.finditer(text, at):
		sign = match.group()
		if sign in ("(", "{", "["):
			depth += 1
		elif sign in (")", "}", "]"):
			depth -= 1
			if depth == 0:
				parts.append(text[begin:match.start()])
				return [" ".join(p.split()) for p in parts]
		elif sign == "," and depth == 1:
			parts.append(text[begin:match.start()])
			begin = match.end()
	raise ValueError("no end of a call")


def own(expression):
	"""A string of the source, or a choice between such."""
	if LITERAL.match(expression):
		return True
	chosen = re.match(r"\A[^?]*\?(.*)\Z", expression)
	if not chosen:
		return False
	branches = re.split(r":(?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)", chosen.group(1), maxsplit=1)
	return len(branches) == 2 and all(own(b) for b in branches)


def conversions(template):
	text = "".join(re.findall(STRING, template)).replace("%%", "")
	return re.findall(r"%[-+ 0#!,]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?([a-zA-Z])", text)


def put_in(name, given):
	"""Expressions of a call that become text of a statement."""
	if name in APPENDED:
		return [given[APPENDED[name]]]
	place = FORMATTED[name]
	if name != "sqlite3_str_appendf" and not SQL.search("".join(re.findall(STRING, given[place]))):
		return []
	return [value for kind, value in zip(conversions(given[place]), given[place + 1:]) if kind in "sQqwz"]


def main():
	if len(sys.argv) != 2:
		sys.exit(__doc__)
	root, passed, failed, used = pathlib.Path(sys.argv[1]), 0, 0, set()
	call = re.compile(r"\b(%s)\s*\(" % "|".join([*FORMATTED, *APPENDED]))
	for path in sorted(p for folder in FOLDERS for p in (root / folder).glob("*.c")):
		text, name = path.read_text(encoding="utf-8"), str(path.relative_to(root))
		for match in call.finditer(text):
			for value in put_in(match.group(1), arguments(text, match.end() - 1)):
				if own(value) or value in AUDITED.get(name, ()):
					used.add((name, value))
					passed += 1
					continue
				failed += 1
				print("%s:%d: %s becomes text of a statement: bind it, or look where it comes from and say so"
					" in %s" % (name, text.count("\n", 0, match.start()) + 1, value, pathlib.Path(__file__).name))
	if passed < 20:
		failed += 1
		print("only %d places found: the program has more" % passed)
	print("%d passed, %d failed" % (passed, failed))
	return 1 if failed else 0


sys.exit(main())
