#include "report/tally.h"

#include <string.h>

void tally_name(struct tally *tally, const char *name)
{
	if (name && tally->count < TALLY_MAX)
		tally->item[tally->count++].name = name;
}

void tally_add(struct tally *tally, const char *name, uint64_t count)
{
	for (size_t i = 0; name && i < tally->count; i++) {
		if (strcmp(tally->item[i].name, name) == 0)
			tally->item[i].count += count;
	}
}

uint64_t tally_total(const struct tally *tally)
{
	uint64_t total = 0;

	for (size_t i = 0; i < tally->count; i++)
		total += tally->item[i].count;
	return total;
}

uint64_t tally_get(const struct tally *tally, const char *name)
{
	for (size_t i = 0; i < tally->count; i++) {
		if (strcmp(tally->item[i].name, name) == 0)
			return tally->item[i].count;
	}
	return 0;
}
