/* Values as people read them, and text made safe for where it goes.
 *
 * Text from captures, file names and databases may hold anything: it reaches a terminal, a JSON
 * document or a CSV file only through the write_* functions here. */
#ifndef LASTACK_REPORT_FORMAT_H
#define LASTACK_REPORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FORMAT_SIZE = 40 }; /* enough for each format_* function */

/* "2024-05-01T10:00:00.123456Z": UTC, microseconds rounded down. */
const char *format_time(char out[FORMAT_SIZE], int64_t ns);
/* "480 ns", "1.25 ms", "3.4 s", "5 min 12 s", "2 h 3 min", "3 d 4 h"; negative ones with "-". */
const char *format_duration(char out[FORMAT_SIZE], int64_t ns);
/* "1,234,567" */
const char *format_count(char out[FORMAT_SIZE], uint64_t count);
/* "812 bytes", "10.2 MB": decimal units. */
const char *format_bytes(char out[FORMAT_SIZE], uint64_t bytes);
/* "67.3 %"; never "0.0 %" for something, never "100.0 %" for less than all; "-" of nothing. */
const char *format_share(char out[FORMAT_SIZE], uint64_t part, uint64_t whole);

/* One character of UTF-8 (RFC 3629) at text: its length in bytes, 1 to 4, or 0 where the bytes are
 * not valid UTF-8. left > 0. */
size_t utf8_decode(const char *text, size_t left, uint32_t *character);

/* True for what must not reach a terminal: control characters (C0, DEL, C1), line and paragraph
 * separators, and the marks that turn the direction of text. */
bool character_unsafe(uint32_t character);

/* Writes text with unsafe characters and invalid bytes as \xNN or \u{N}, and the rest as it is where
 * unicode, else everything that is not ASCII in that form too. Returns the columns it takes.
 * out NULL only measures. */
size_t write_terminal(FILE *out, const char *text, size_t length, bool unicode);

/* A JSON string with its quotes (RFC 8259). Invalid bytes become U+FFFD, unsafe characters \uNNNN. */
void write_json(FILE *out, const char *text, size_t length);

/* Text inside a paragraph, list item or table cell of Markdown: every character that CommonMark,
 * GitHub's extensions or HTML give a meaning is escaped; what write_terminal would not show as it is,
 * too. No link is made of it. */
void write_markdown(FILE *out, const char *text, size_t length);

/* One CSV field (RFC 4180): quoted where it must be, and where it is empty, so that an empty text
 * differs from NULL (nothing at all). Text that a spreadsheet would run as a formula (two characters or
 * more that begin with = + - @, tab or return) gets an apostrophe in front. Unsafe characters are
 * written as \u{N}, apart from tabs and line breaks. */
void write_csv(FILE *out, const char *text, size_t length);

#endif
