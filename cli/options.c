#include "cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/values.h"

enum { NAME_MAX_LENGTH = 32, HELP_COLUMN = 26, HELP_WIDTH = 79 };

/* A row of a table, its own or a lent one. */
struct row {
	const struct option_spec *spec; /* NULL: there is none */
	size_t base;
};

static const struct option_spec *own_row(const struct option_table *table, const char *name,
					 size_t length)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strlen(table->specs[i].name) == length &&
		    memcmp(table->specs[i].name, name, length) == 0)
			return &table->specs[i];
	}
	return NULL;
}

/* The rows in the order of --help: its own ones first. */
static struct row table_row(const struct option_table *table, size_t index)
{
	if (index < table->count)
		return (struct row){.spec = &table->specs[index]};
	index -= table->count;
	for (size_t i = 0; i < table->loan_count; i++) {
		const struct option_loan *loan = &table->loans[i];

		for (size_t k = 0; loan->names[k]; k++, index--) {
			if (index == 0)
				return (struct row){.spec = own_row(loan->from, loan->names[k],
								    strlen(loan->names[k])),
						    .base = loan->base};
		}
	}
	return (struct row){.spec = NULL};
}

void option_texts_free(struct option_texts *texts)
{
	free(texts->items);
	*texts = (struct option_texts){0};
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t alen = strlen(a), blen = strlen(b);
	unsigned row[3][NAME_MAX_LENGTH + 1];

	if (alen > NAME_MAX_LENGTH || blen > NAME_MAX_LENGTH)
		return UINT32_MAX;
	for (size_t j = 0; j <= blen; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *older = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

			if (before[j] + 1 < best)
				best = before[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    older[j - 2] + 1 < best)
				best = older[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[alen % 3][blen];
}

const char *options_suggest(const char *word, const char *const *list)
{
	const char *best = NULL;
	unsigned best_distance = strlen(word) < 4 ? 2 : 3; /* one better than this is near enough */

	for (; *list; list++) {
		unsigned distance = edit_distance(word, *list);

		if (strlen(word) >= 3 && strncmp(word, *list, strlen(word)) == 0)
			distance = 1;
		if (distance < best_distance) {
			best_distance = distance;
			best = *list;
		}
	}
	return best;
}

static bool unknown_option(const struct option_table *table, const char *word, size_t name_length,
			   struct error *err)
{
	const char *names[64] = {"help"};
	char name[NAME_MAX_LENGTH + 1];
	const char *meant = NULL;

	for (size_t i = 0; table_row(table, i).spec && i + 2 < sizeof(names) / sizeof(names[0]);
	     i++)
		names[i + 1] = table_row(table, i).spec->name;
	if (name_length <= NAME_MAX_LENGTH) {
		memcpy(name, word + 2, name_length);
		name[name_length] = '\0';
		meant = options_suggest(name, names);
	}
	if (meant)
		return error_set(err, "unknown option '%s'; did you mean '--%s'?", word, meant);
	return error_set(err, "unknown option '%s'; '%s --help' lists the options", word,
			 table->command);
}

static bool choose(const struct option_spec *spec, const char *text, int *out, struct error *err)
{
	char list[256] = "";
	size_t used = 0;
	const char *meant;

	for (int i = 0; spec->choices[i]; i++) {
		if (strcmp(spec->choices[i], text) == 0) {
			*out = i;
			return true;
		}
	}
	for (int i = 0; spec->choices[i] && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 i == 0 ? "" : ", ", spec->choices[i]);
	meant = options_suggest(text, spec->choices);
	if (meant)
		return error_set(err, "'%s' is none of %s; did you mean '%s'?", text, list, meant);
	return error_set(err, "'%s' is none of %s", text, list);
}

static bool in_bounds(const struct option_spec *spec, const char *text, bool within,
		      struct error *err)
{
	bool seconds = spec->kind == OPTION_DURATION;
	double unit = seconds ? 1e9 : 1;

	if (spec->high == 0 || within)
		return true;
	return error_set(err, "'%s' is outside %.15g to %.15g%s", text, (double)spec->low / unit,
			 (double)spec->high / unit, seconds ? " seconds" : "");
}

static bool unsigned_within(const struct option_spec *spec, uint64_t value)
{
	return value >= (uint64_t)spec->low && value <= (uint64_t)spec->high;
}

static bool signed_within(const struct option_spec *spec, int64_t value)
{
	return value >= spec->low && value <= spec->high;
}

static bool append_text(void *field, const char *text, struct error *err)
{
	struct option_texts texts;
	const char **items;

	memcpy(&texts, field, sizeof(texts));
	items = realloc(texts.items, (texts.count + 1) * sizeof(*items));
	if (!items)
		return error_set(err, "out of memory");
	items[texts.count] = text;
	texts = (struct option_texts){.items = items, .count = texts.count + 1};
	memcpy(field, &texts, sizeof(texts));
	return true;
}

static bool store_value(const struct row *row, const char *text, void *target, struct error *err)
{
	const struct option_spec *spec = row->spec;
	char *field = (char *)target + row->base + spec->offset;
	uint64_t number;
	int64_t ns;
	int choice;

	switch (spec->kind) {
	case OPTION_FLAG:
		memcpy(field, &(bool){true}, sizeof(bool));
		return true;
	case OPTION_TEXT:
		memcpy(field, &text, sizeof(text));
		return true;
	case OPTION_TEXTS:
		return append_text(field, text, err);
	case OPTION_COUNT:
	case OPTION_SIZE:
		if (!(spec->kind == OPTION_COUNT ? value_count : value_size)(text, &number, err) ||
		    !in_bounds(spec, text, unsigned_within(spec, number), err))
			return false;
		memcpy(field, &number, sizeof(number));
		return true;
	case OPTION_DURATION:
	case OPTION_TIME:
		if (!(spec->kind == OPTION_TIME ? value_time : value_duration)(text, &ns, err) ||
		    !in_bounds(spec, text, signed_within(spec, ns), err))
			return false;
		memcpy(field, &ns, sizeof(ns));
		return true;
	case OPTION_CHOICE:
		if (!choose(spec, text, &choice, err))
			return false;
		memcpy(field, &choice, sizeof(choice));
		return true;
	}
	return error_set(err, "'%s' cannot be read", text);
}

/* One word that starts with '-', and the one behind it where that is its value. */
struct word {
	const char *text;
	const char *next; /* NULL: none */
	bool used_next;
};

static struct row find_long(const struct option_table *table, const char *name, size_t length)
{
	struct row row = {.spec = NULL};

	for (size_t i = 0; (row = table_row(table, i)).spec; i++) {
		if (strlen(row.spec->name) == length && memcmp(row.spec->name, name, length) == 0)
			break;
	}
	return row;
}

static struct row find_short(const struct option_table *table, char letter)
{
	struct row row = {.spec = NULL};

	for (size_t i = 0; (row = table_row(table, i)).spec; i++) {
		if (row.spec->letter == letter)
			break;
	}
	return row;
}

static bool apply(const struct row *row, struct word *word, const char *value, void *target,
		  struct error *err)
{
	const struct option_spec *spec = row->spec;

	if (spec->kind == OPTION_FLAG && value)
		return error_set(err, "'--%s' takes no value, but '%s' gives one", spec->name,
				 word->text);
	if (spec->kind != OPTION_FLAG && !value) {
		value = word->next;
		word->used_next = true;
		if (!value)
			return error_set(err, "'--%s' needs a value: --%s %s", spec->name,
					 spec->name, spec->value);
	}
	if (!store_value(row, value, target, err))
		return error_prefix(err, "--%s", spec->name);
	return true;
}

static bool parse_long(const struct option_table *table, struct word *word, void *target,
		       struct error *err)
{
	const char *equals = strchr(word->text, '=');
	size_t length = equals ? (size_t)(equals - word->text) - 2 : strlen(word->text) - 2;
	struct row row = find_long(table, word->text + 2, length);

	if (!row.spec)
		return unknown_option(table, word->text, length, err);
	return apply(&row, word, equals ? equals + 1 : NULL, target, err);
}

/* "-q", or "-q" followed by its value in the same word or the next. */
static bool parse_short(const struct option_table *table, struct word *word, void *target,
			struct error *err)
{
	struct row row = find_short(table, word->text[1]);

	if (!row.spec)
		return error_set(err, "unknown option '%s'; '%s --help' lists the options",
				 word->text, table->command);
	return apply(&row, word, word->text[2] != '\0' ? word->text + 2 : NULL, target, err);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

enum options_result options_parse(const struct option_table *table, int argc, char **argv,
				  void *target, struct operands *operands, struct error *err)
{
	int kept = 0;
	bool only_operands = false;

	for (int i = 0; i < argc; i++) {
		struct word word = {.text = argv[i], .next = i + 1 < argc ? argv[i + 1] : NULL};

		if (only_operands || word.text[0] != '-' || word.text[1] == '\0') {
			argv[kept++] = argv[i];
			continue;
		}
		if (strcmp(word.text, "--") == 0) {
			only_operands = true;
			continue;
		}
		if (is_help(word.text))
			return OPTIONS_HELP;
		if (!(word.text[1] == '-' ? parse_long : parse_short)(table, &word, target, err))
			return OPTIONS_MISUSE;
		i += word.used_next;
	}
	operands->items = (const char *const *)argv;
	operands->count = (size_t)kept;
	return OPTIONS_DONE;
}

/* Words of text from column on, with a hanging indent; ends the line. */
static void help_wrap(FILE *out, const char *text, int column)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + (int)length > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			putc(' ', out);
			column++;
		}
		fwrite(text, 1, length, out);
		column += (int)length;
		text += length + (text[length] == ' ');
	}
	putc('\n', out);
}

void options_help(const struct option_table *table, FILE *out)
{
	static const struct option_spec help = {
		.name = "help", .letter = 'h', .help = "print this and exit"};
	bool last = false;

	for (size_t i = 0; !last; i++) {
		struct row row = table_row(table, i);
		const struct option_spec *spec = row.spec ? row.spec : &help;
		char left[64];
		int width = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
				     spec->letter ? '-' : ' ', spec->letter ? spec->letter : ' ',
				     spec->letter ? "," : " ", spec->name, spec->value ? " " : "",
				     spec->value ? spec->value : "");

		fputs(left, out);
		if (width + 2 > HELP_COLUMN)
			fprintf(out, "\n%*s", HELP_COLUMN, "");
		else
			fprintf(out, "%*s", HELP_COLUMN - width, "");
		help_wrap(out, spec->help, HELP_COLUMN);
		last = !row.spec;
	}
}
