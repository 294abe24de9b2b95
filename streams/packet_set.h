/* A set of packets by file and number: a bit a packet. */
#ifndef LASTACK_STREAMS_PACKET_SET_H
#define LASTACK_STREAMS_PACKET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed, it is empty. */
struct packet_set {
	struct packet_bits {
		uint8_t *bytes; /* owned; bit number % 8 of byte number / 8 */
		size_t size;
	} * files; /* owned */
	uint32_t file_count;
	uint64_t count;
};

bool packet_set_add(struct packet_set *set, uint32_t file, uint64_t number, struct error *err);
bool packet_set_has(const struct packet_set *set, uint32_t file, uint64_t number);
void packet_set_free(struct packet_set *set); /* empties it */

#endif
