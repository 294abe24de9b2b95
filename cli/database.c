#include "cli/database.h"

#include <string.h>

#include "cli/command.h"

bool database_choose(const struct operands *operands, const char **database, struct error *err)
{
	if (operands->count > 1)
		return error_set(err, "'%s' is one database too many", operands->items[1]);
	if (operands->count == 1 && *database)
		return error_set(err, "the database is given twice: --db '%s' and '%s'", *database,
				 operands->items[0]);
	if (operands->count == 1)
		*database = operands->items[0];
	else if (!*database)
		*database = DEFAULT_DATABASE;
	if (strcmp(*database, ":memory:") == 0)
		return error_set(err, "':memory:' keeps nothing to read; name a database file");
	return true;
}
