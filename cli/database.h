/* Which database a command reads: --db FILE, or the operand, or lastack.db. */
#ifndef LASTACK_CLI_DATABASE_H
#define LASTACK_CLI_DATABASE_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/options.h"

/* *database is what --db gave, or NULL; it becomes the choice. False with err where there are two. */
bool database_choose(const struct operands *operands, const char **database, struct error *err);

#endif
