/* The file name of a stream: sorts by time, shows both ends, and cannot be anything but a name.
 *
 *     20260105T090000.003837000Z-p17-192.0.2.1.40000-192.0.2.2.80.stream
 *
 * is what 192.0.2.1, port 40000, sent in the connection whose first packet is number 17. With several
 * captures "c2-" (the second one) comes before the p, and a part of a stream has its place before the
 * dot: "-at000000004096". IPv6 addresses have '_' for ':'. */
#ifndef LASTACK_STREAMS_STREAM_NAME_H
#define LASTACK_STREAMS_STREAM_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/verdict.h"

enum { STREAM_NAME_MAX = 224, INSTANT_TEXT_MAX = 40, ENDPOINT_TEXT_MAX = 64 };

struct stream_name {
	const struct verdict *verdict;
	enum side from;
	uint32_t capture; /* its number from 1 on; 0: there is but one */
	bool part;
	uint64_t offset; /* of a part in its stream */
};

void stream_name_text(const struct stream_name *name, char text[STREAM_NAME_MAX]);

/* "2026-01-05T09:00:00.003837000Z" */
void instant_text(int64_t ns, char text[INSTANT_TEXT_MAX]);
/* "192.0.2.1:80", "[2001:db8::1]:80" */
void stream_endpoint_text(const struct ip_address *address, uint8_t ip_version, uint16_t port,
			  char text[ENDPOINT_TEXT_MAX]);

#endif
