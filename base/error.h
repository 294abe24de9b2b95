/* One failure of the environment (file, database, memory, usage), told once at the edge.
 *
 * Bad packets are data and never come through here. A function that can fail returns false (or
 * NULL) and fills the struct error its caller gave; only cli/ prints it. */
#ifndef LASTACK_BASE_ERROR_H
#define LASTACK_BASE_ERROR_H

#include <stdbool.h>

struct error {
	char text[1024]; /* one sentence without newline; empty: no error */
};

/* Formats the message and returns false, so that `return error_set(...)` reads well.
 * err may be NULL: then nothing is kept. Control characters are replaced by '?', as the message
 * may quote a hostile file's name or content. */
bool error_set(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether memory ran out: then nothing is wrong with what the user asked for. */
bool error_is_memory(const struct error *err);

/* Puts "prefix: " in front of what err already says; returns false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
