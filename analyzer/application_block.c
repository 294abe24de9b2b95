#include "analyzer/application_block.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Texts by their bytes, the NUL included; 0: NULL. */
struct application_block {
	size_t name, category, server_name, risk_count;
	bool guessed;
	const char *risks[]; /* behind them the texts, in this order */
};

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

size_t application_block_size(const struct application *a)
{
	return sizeof(struct application_block) + a->risk_count * sizeof(a->risks[0]) +
	       text_bytes(a->name) + text_bytes(a->category) + text_bytes(a->server_name);
}

/* Its size; 0 for none. */
static size_t put_text(char **at, const char *text)
{
	size_t bytes = text_bytes(text);

	if (bytes > 0)
		memcpy(*at, text, bytes);
	*at += bytes;
	return bytes;
}

void application_block_write(const struct application *a, void *where)
{
	struct application_block *b = where;
	char *at;

	b->guessed = a->guessed;
	b->risk_count = a->risk_count;
	for (size_t i = 0; i < a->risk_count; i++)
		b->risks[i] = a->risks[i];
	at = (char *)(b->risks + a->risk_count);
	b->name = put_text(&at, a->name);
	b->category = put_text(&at, a->category);
	b->server_name = put_text(&at, a->server_name);
}

static const char *text_at(const char **at, size_t bytes)
{
	const char *text = bytes > 0 ? *at : NULL;

	*at += bytes;
	return text;
}

void application_block_open(const struct application_block *b, struct application *a)
{
	const char *at = (const char *)(b->risks + b->risk_count);

	a->guessed = b->guessed;
	a->risks = b->risks;
	a->risk_count = b->risk_count;
	a->name = text_at(&at, b->name);
	a->category = text_at(&at, b->category);
	a->server_name = text_at(&at, b->server_name);
}
