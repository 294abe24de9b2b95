#include "report/json_writer.h"

#include <inttypes.h>
#include <string.h>

#include "report/format.h"

void json_comma(struct json *json)
{
	if (json->due)
		putc(',', json->out);
	json->due = true;
}

void json_text(struct json *json, const char *value)
{
	if (value)
		write_json(json->out, value, strlen(value));
	else
		fputs("null", json->out);
}

void json_key(struct json *json, const char *name)
{
	json_comma(json);
	json_text(json, name);
	putc(':', json->out);
}

void json_open_key(struct json *json, const char *name, char bracket)
{
	json_key(json, name);
	putc(bracket, json->out);
	json->due = false;
}

void json_open_item(struct json *json, char bracket)
{
	json_comma(json);
	putc(bracket, json->out);
	json->due = false;
}

void json_close(struct json *json, char bracket)
{
	putc(bracket, json->out);
	json->due = true;
}

void json_key_text(struct json *json, const char *name, const char *value)
{
	json_key(json, name);
	json_text(json, value);
}

void json_key_count(struct json *json, const char *name, uint64_t value)
{
	json_key(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void json_key_ns(struct json *json, const char *name, int64_t value, bool known)
{
	json_key(json, name);
	if (known)
		fprintf(json->out, "%" PRId64, value);
	else
		fputs("null", json->out);
}

void json_key_tally(struct json *json, const char *name, const struct tally *tally)
{
	json_open_key(json, name, '{');
	for (size_t i = 0; i < tally->count; i++)
		json_key_count(json, tally->item[i].name, tally->item[i].count);
	json_close(json, '}');
}

/* Top-level members start a line each. */
void json_section(struct json *json)
{
	if (json->due)
		putc(',', json->out);
	putc('\n', json->out);
	json->due = false;
}
