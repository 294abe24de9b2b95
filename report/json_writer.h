/* Pieces of a JSON document, written as they come. */
#ifndef LASTACK_REPORT_JSON_WRITER_H
#define LASTACK_REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "report/tally.h"

/* A place within objects and arrays; a comma is due before the next member. */
struct json {
	FILE *out;
	bool due;
};

void json_comma(struct json *json);
void json_text(struct json *json, const char *value); /* NULL: null */
void json_key(struct json *json, const char *name);
/* Begins the member's array or object, the next item's; json_close ends it. */
void json_open_key(struct json *json, const char *name, char bracket);
void json_open_item(struct json *json, char bracket);
void json_close(struct json *json, char bracket);
void json_key_text(struct json *json, const char *name, const char *value);
void json_key_count(struct json *json, const char *name, uint64_t value);
/* null where not known */
void json_key_ns(struct json *json, const char *name, int64_t value, bool known);
void json_key_tally(struct json *json, const char *name, const struct tally *tally);
/* Top-level members start a line each. */
void json_section(struct json *json);

#endif
