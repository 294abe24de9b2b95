/* The captures that a command reads: its operands, and what could not be read of them. */
#ifndef LASTACK_CLI_CAPTURES_H
#define LASTACK_CLI_CAPTURES_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/options.h"
#include "source/feed.h"

/* One capture at least, standard input once. */
bool captures_check(const struct operands *captures, struct error *err);
/* A capture that can be read only once: standard input, a pipe. NULL: none. */
const char *captures_only_once(const struct operands *captures);
/* Leaves out captures that are named twice: analysing one again would only replace its rows, and in a
 * joined recording it would double every packet. What it returns holds the operands that are left
 * and is freed by the caller; NULL without memory. */
const char **captures_without_repeats(struct operands *captures, bool quiet);
/* Joined captures are read at the same time, and there may be thousands of them. */
void captures_allow_many(void);

bool captures_any_opened(const struct feed *feed);
/* Complains of what could not be read of the recording's files; true where there was anything. */
bool captures_tell_problems(const struct feed *feed);

#endif
