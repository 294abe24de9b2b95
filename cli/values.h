/* Option values from text: counts, sizes, durations, times, bytes. Integer arithmetic throughout, so that
 * 0.1 seconds are 100,000,000 ns and what does not fit is refused, never rounded.
 *
 * Each returns false, with a sentence in err that quotes the text, where it is not one. */
#ifndef LASTACK_CLI_VALUES_H
#define LASTACK_CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* "100000": decimal digits. */
bool value_count(const char *text, uint64_t *out, struct error *err);
/* "1048576", "512M", "1.5GiB", "100MB": K, M, G, T and KiB ... are powers of 1024, KB ... of 1000. */
bool value_size(const char *text, uint64_t *out, struct error *err);
/* "120", "0.5", "500ms", "2m", "1h", "1d"; plain numbers are seconds. In ns, not negative. */
bool value_duration(const char *text, int64_t *out, struct error *err);
/* ISO 8601 ("2024-05-01", "2024-05-01T10:00", "2024-05-01 10:00:00.5Z", "...+02:00"; UTC where no
 * zone is given) or seconds since the Unix epoch ("1714557600.25"). In ns since the epoch. */
bool value_time(const char *text, int64_t *out, struct error *err);
/* "text", or "hex:0a0b0c": pairs of digits; at least one byte. *bytes is the caller's to free. */
bool value_bytes(const char *text, uint8_t **bytes, size_t *length, struct error *err);

#endif
