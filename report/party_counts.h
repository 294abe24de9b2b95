/* How many connections each service has, and each host as a client: counted while all are visited, since no
 * index would tell afterwards. */
#ifndef LASTACK_REPORT_PARTY_COUNTS_H
#define LASTACK_REPORT_PARTY_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"

/* A flood of addresses takes 68 MiB, no more: those first met behind so many others are not counted at all. */
enum { PARTY_COUNTS_MAX = 1 << 21 };

/* Clients with lower ids than that, nearly always all of them, are counted by id: there is no looking for them. */
enum { PARTY_COUNTS_CLIENTS = 1 << 20, PARTY_COUNTS_LATEST = 1 << 10 };

struct party_count {
	uint64_t party; /* host and port; 0: free */
	uint64_t connections;
};

/* All zero but for the key: none counted. */
struct party_counts {
	uint8_t key[SIPHASH_KEY_BYTES]; /* at random: ports and hosts come from captures */
	struct party_count *place;      /* owned; hash table */
	size_t places, used;
	uint32_t *client; /* owned; by host id */
	size_t clients;
	uint32_t latest
		[PARTY_COUNTS_LATEST]; /* places of those counted lately, by their lowest bits */
};

/* A connection to the service, or with port 0 of the client; false: out of memory. */
bool party_counts_add(struct party_counts *counts, int64_t host_id, uint16_t port);
/* 0: none, or not counted. */
uint64_t party_counts_of(const struct party_counts *counts, int64_t host_id, uint16_t port);
void party_counts_free(struct party_counts *counts);

#endif
