/* Options and connections of a ladder: tuples, initial sequence numbers, VLANs. */
#include "tests/ladder_reader.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ADDRESS:PORT, an IPv6 address in brackets. */
static bool endpoint(const char *text, uint8_t *version, struct case_end *end)
{
	char copy[128];
	char *colon;
	int64_t port;
	bool ipv6 = *text == '[';

	if (snprintf(copy, sizeof(copy), "%s", ipv6 ? text + 1 : text) >= (int)sizeof(copy))
		return false;
	colon = strrchr(copy, ':');
	if (!colon || colon == copy || !word_number(colon + 1, 0, 65535, &port))
		return false;
	*colon = '\0';
	if (ipv6) {
		if (colon[-1] != ']')
			return false;
		colon[-1] = '\0';
	}
	memset(&end->address, 0, sizeof(end->address));
	if (inet_pton(ipv6 ? AF_INET6 : AF_INET, copy, end->address.bytes) != 1)
		return false;
	end->port = (uint16_t)port;
	*version = ipv6 ? 6 : 4;
	return true;
}

static void connection_ipv6(struct case_connection *c)
{
	uint8_t version;

	endpoint("[2001:db8::1]:40000", &version, &c->end[SIDE_INITIATOR]);
	endpoint("[2001:db8::2]:80", &version, &c->end[SIDE_RESPONDER]);
	c->ip_version = 6;
}

void connection_first(struct case_connection *c)
{
	endpoint("192.0.2.1:40000", &c->ip_version, &c->end[SIDE_INITIATOR]);
	endpoint("192.0.2.2:80", &c->ip_version, &c->end[SIDE_RESPONDER]);
	c->end[SIDE_INITIATOR].isn = 1000000;
	c->end[SIDE_RESPONDER].isn = 1500000;
	c->declared = true;
}

/* Another connection has the first one's tuple and VLANs, and higher initial sequence numbers. */
void connection_another(struct ladder_case *ladder, unsigned index)
{
	struct case_connection *c = &ladder->connection[index];

	*c = ladder->connection[0];
	for (int side = 0; side < SIDES; side++) {
		c->end[side].isn = (index + 1) * 1000000 + (side == SIDE_RESPONDER ? 500000 : 0);
		c->end[side].sent = false;
	}
	c->declared = true;
}

static bool connection_word(struct reader *r, struct case_connection *c, const char *word)
{
	const char *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : strlen(word);
	struct case_end swap;
	int64_t n;

	value = value ? value + 1 : "";
#define IS(name) (length == sizeof(name) - 1 && memcmp(word, name, sizeof(name) - 1) == 0)
	if (IS("ipv6")) {
		connection_ipv6(c);
		return true;
	}
	if (IS("swapped")) {
		swap = c->end[0];
		c->end[0] = c->end[1];
		c->end[1] = swap;
		n = c->end[0].isn;
		c->end[0].isn = c->end[1].isn;
		c->end[1].isn = (uint32_t)n;
		return true;
	}
	if (IS("initiator") && endpoint(value, &c->ip_version, &c->end[SIDE_INITIATOR]))
		return true;
	if (IS("responder") && endpoint(value, &c->ip_version, &c->end[SIDE_RESPONDER]))
		return true;
	if (IS("vlan-initiator") &&
	    word_vlans(value, c->end[SIDE_INITIATOR].vlan, &c->end[SIDE_INITIATOR].vlan_count))
		return true;
	if (IS("vlan-responder") &&
	    word_vlans(value, c->end[SIDE_RESPONDER].vlan, &c->end[SIDE_RESPONDER].vlan_count))
		return true;
	if (!word_number(value, 0, UINT32_MAX, &n))
		return reader_fail(r, "'%s' is no option of a connection", word);
	if (IS("isn-initiator"))
		c->end[SIDE_INITIATOR].isn = (uint32_t)n;
	else if (IS("isn-responder"))
		c->end[SIDE_RESPONDER].isn = (uint32_t)n;
	else if (IS("gre")) {
		c->gre = true;
		c->gre_key = (uint32_t)n;
	} else
		return reader_fail(r, "'%s' is no option of a connection", word);
	return true;
}

static bool option_word(struct reader *r, const char *word)
{
	struct ladder_case *ladder = r->ladder;
	const char *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : strlen(word);
	int64_t n, ns;

	value = value ? value + 1 : "";
	if (IS("keep-duplicates"))
		ladder->keep_duplicates = true;
	else if (IS("msl") && case_seconds(value, &ns))
		ladder->msl_ns = ns;
	else if (IS("idle-timeout") && case_seconds(value, &ns))
		ladder->idle_timeout_ns = ns;
	else if (IS("stuck") && case_seconds(value, &ns))
		ladder->stuck_ns = ns;
	else if (IS("max-flows") && word_number(value, 1, 1000000, &n))
		ladder->max_flows = (size_t)n;
	else if (IS("snaplen") && word_number(value, 1, 65535, &n))
		ladder->snaplen = (uint32_t)n;
	else if (IS("streams"))
		ladder->streams = true;
	else if (IS("stream-memory") && word_number(value, 0, 1 << 30, &n))
		ladder->stream_memory = (size_t)n;
	else if (IS("overlap") && (strcmp(value, "last") == 0 || strcmp(value, "first") == 0))
		ladder->overlap_last = *value == 'l';
	else if (IS("ipid") && strcmp(value, "0") == 0)
		ladder->zero_ip_id = true;
	else
		return connection_word(r, &ladder->connection[0], word);
	return true;
#undef IS
}

bool reader_connection(struct reader *r, unsigned index, char **words, size_t count)
{
	struct case_connection *c = &r->ladder->connection[index];

	if (index > 0)
		connection_another(r->ladder, index);
	for (size_t i = 0; i < count; i++)
		if (!(index > 0 ? connection_word(r, c, words[i]) : option_word(r, words[i])))
			return false;
	return true;
}
