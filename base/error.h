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

/* What error_set(), error_unnamed() and error_prefix() below stand for; not called by these names. */
void error_format(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_format_unnamed(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void error_format_prefix(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A call, as a constant behind a comma would be warned of where nobody looks at the result. */
static inline bool error_is_told(void)
{
	return false;
}

/* Formats the message and returns false, so that `return error_set(...)` reads well. A macro, so that
 * who analyses one file at a time sees that it is false.
 * err may be NULL: then nothing is kept. Control characters are replaced by '?', as the message
 * may quote a hostile file's name or content. */
#define error_set(...) (error_format(__VA_ARGS__), error_is_told())

/* The same of a file whose name is not known here: the text begins with ": ", and who knows the name puts it in front
 * by error_prefix(). */
#define error_unnamed(...) (error_format_unnamed(__VA_ARGS__), error_is_told())
bool error_is_unnamed(const struct error *err);

/* Puts "prefix: " in front of what err already says; returns false. */
#define error_prefix(...) (error_format_prefix(__VA_ARGS__), error_is_told())

/* Whether memory ran out: then nothing is wrong with what the user asked for. */
bool error_is_memory(const struct error *err);

#endif
