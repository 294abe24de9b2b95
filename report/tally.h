/* How often each value of an enumeration occurred, under the contract's names, in its order. */
#ifndef LASTACK_REPORT_TALLY_H
#define LASTACK_REPORT_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum { TALLY_MAX = 16 };

struct tally {
	size_t count;
	struct tally_item {
		const char *name; /* static */
		uint64_t count;
	} item[TALLY_MAX];
};

/* Another value; NULL, the name of an absent one, is left out. */
void tally_name(struct tally *tally, const char *name);
/* What has no place in the tally, NULL too, is not counted. */
void tally_add(struct tally *tally, const char *name, uint64_t count);
uint64_t tally_total(const struct tally *tally);
uint64_t tally_get(const struct tally *tally, const char *name);

#endif
