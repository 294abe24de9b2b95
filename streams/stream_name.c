#include "streams/stream_name.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* The date and time as strftime() writes them, then the fraction. */
static void instant_write(int64_t ns, const char *format, char *text, size_t size)
{
	int64_t fraction = ns % NS_PER_S;
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;
	size_t used;

	if (fraction < 0) {
		fraction += NS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	used = strftime(text, size, format, &tm);
	snprintf(text + used, size - used, ".%09" PRId64 "Z", fraction);
}

void instant_text(int64_t ns, char text[INSTANT_TEXT_MAX])
{
	instant_write(ns, "%Y-%m-%dT%H:%M:%S", text, INSTANT_TEXT_MAX);
}

static void address_write(const struct ip_address *address, uint8_t ip_version,
			  char text[INET6_ADDRSTRLEN])
{
	if (!inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, address->bytes, text,
		       INET6_ADDRSTRLEN))
		text[0] = '\0';
}

void stream_endpoint_text(const struct ip_address *address, uint8_t ip_version, uint16_t port,
			  char text[ENDPOINT_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];

	address_write(address, ip_version, plain);
	snprintf(text, ENDPOINT_TEXT_MAX, ip_version == 4 ? "%s:%u" : "[%s]:%u", plain, port);
}

/* An end as it may stand in a file name on any system. */
static void end_write(const struct verdict *v, enum side side, char text[ENDPOINT_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];

	address_write(&v->dir[side].address, v->ip_version, plain);
	for (char *c = plain; *c != '\0'; c++)
		*c = *c == ':' ? '_' : *c;
	snprintf(text, ENDPOINT_TEXT_MAX, "%s.%u", plain, v->dir[side].port);
}

void stream_name_text(const struct stream_name *name, char text[STREAM_NAME_MAX])
{
	const struct verdict *v = name->verdict;
	enum side to = name->from == SIDE_INITIATOR ? SIDE_RESPONDER : SIDE_INITIATOR;
	char instant[INSTANT_TEXT_MAX], from_text[ENDPOINT_TEXT_MAX], to_text[ENDPOINT_TEXT_MAX];
	char capture[16] = "", part[32] = "";

	instant_write(v->first_ns, "%Y%m%dT%H%M%S", instant, sizeof(instant));
	end_write(v, name->from, from_text);
	end_write(v, to, to_text);
	if (name->capture)
		snprintf(capture, sizeof(capture), "c%" PRIu32 "-", name->capture);
	if (name->part)
		snprintf(part, sizeof(part), "-at%012" PRIu64, name->offset);
	snprintf(text, STREAM_NAME_MAX, "%s-%sp%" PRIu64 "-%s-%s%s.stream", instant, capture,
		 v->first_packet, from_text, to_text, part);
}
