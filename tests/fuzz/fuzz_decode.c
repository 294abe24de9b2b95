/* The decoder: packets of any link type, one after the other, as fragments need.
 *
 * One byte of settings; then packets: u16 link type, u8 bytes cut off by the capture, u16 length, bytes. */
#include <string.h>

#include "parsers/decode.h"
#include "tests/fuzz/fuzz.h"

enum { LINKTYPES_MAX = 512, PACKETS_MAX = 256 };

enum setting { VERIFY_CHECKSUMS = 1, LITTLE_MEMORY = 2 };

/* A number that is decoded stands for itself, 65535 for one that is not, and any other for one that is. */
static uint32_t linktype_of(uint16_t chosen)
{
	static uint32_t known[LINKTYPES_MAX];
	static size_t count;

	if (count == 0)
		for (uint32_t type = 0; type < LINKTYPES_MAX; type++)
			if (decode_linktype_supported(type))
				known[count++] = type;
	if (chosen == UINT16_MAX || decode_linktype_supported(chosen))
		return chosen;
	return known[chosen % count];
}

static void check_segment(const struct segment *s, const struct packet *packet)
{
	unsigned sum = 0;

	MUST(s->packet == packet->number && s->ts_ns == packet->ts_ns);
	MUST(s->ip_version == 4 || s->ip_version == 6);
	MUST(s->payload_captured <= s->payload_len);
	MUST(s->payload_len <= 65535);
	MUST(s->payload || s->payload_captured == 0);
	for (uint32_t i = 0; i < s->payload_captured; i++)
		sum += s->payload[i];
	(void)sum;
	MUST(s->wscale <= 14 || s->wscale == WSCALE_NONE);
	MUST(s->sack_count <= SACK_BLOCKS_MAX);
	MUST(s->tunnel.depth <= TUNNEL_DEPTH_MAX);
	for (uint32_t i = s->tunnel.depth; i < TUNNEL_DEPTH_MAX; i++)
		MUST(s->tunnel.hop[i].kind == 0 && s->tunnel.hop[i].id == 0);
	for (uint32_t i = 0; i < s->tunnel.depth; i++)
		MUST(s->tunnel.hop[i].kind > TUNNEL_NONE && s->tunnel.hop[i].kind <= TUNNEL_GENEVE);
	MUST((s->fragments != NULL) == (s->fragment_count > 0));
	for (uint32_t i = 0; i < s->fragment_count; i++)
		MUST(s->fragments[i].packet <= packet->number);
	MUST(s->vlan_tags >> (12 * VLAN_TAGS_MAX) == 0);
	MUST(memcmp(&s->src, &s->dst, sizeof(s->src)) != 0 || s->sport != s->dport);
}

static void check_icmp(const struct icmp_error *icmp, const struct packet *packet)
{
	MUST(icmp->packet == packet->number);
	MUST((unsigned)icmp->kind <= ICMP_SOURCE_QUENCH);
	MUST(icmp->ip_version == 4 || icmp->ip_version == 6);
	MUST(icmp->tunnel.depth <= TUNNEL_DEPTH_MAX);
}

static void one_packet(struct decoder *decoder, struct choices *c, uint64_t number)
{
	struct packet packet = {.number = number, .ts_ns = (int64_t)number, .ts_confirmed = true};
	struct decoded decoded;
	size_t count;
	uint8_t cut, *frame;

	packet.linktype = linktype_of(choose_u16(c));
	cut = choose_u8(c);
	count = choose_u16(c);
	packet.data = choose_bytes(c, &count);
	packet.data = frame = exact_copy(packet.data, count);
	packet.caplen = (uint32_t)count;
	packet.wirelen = packet.caplen + cut;
	decoder_packet(decoder, &packet, &decoded);
	MUST((unsigned)decoded.reason < DECODE_REASONS);
	MUST(packet.linktype != UINT16_MAX || decoded.reason == SKIP_LINKTYPE);
	if (decoded.reason == DECODED_SEGMENT)
		check_segment(&decoded.segment, &packet);
	else if (decoded.reason == DECODED_ICMP_ERROR)
		check_icmp(&decoded.icmp, &packet);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	uint8_t settings = choose_u8(&c);
	struct decoder_config config = {
		.verify_checksums = settings & VERIFY_CHECKSUMS,
		.fragment_memory = settings & LITTLE_MEMORY ? 4096 : 0,
	};
	struct error err = {""};
	struct decoder *decoder = decoder_new(&config, &err);
	const struct decode_counts *counts;
	uint64_t packets = 0, told = 0;

	MUST(decoder);
	while (c.left > 0 && packets < PACKETS_MAX)
		one_packet(decoder, &c, ++packets);
	counts = decoder_counts(decoder);
	for (int reason = 0; reason < DECODE_REASONS; reason++)
		told += counts->reason[reason];
	MUST(told == packets);
	MUST(counts->datagrams_reassembled <= counts->fragments);
	MUST(counts->fragments_expired <= counts->fragments);
	decoder_free(decoder);
	return 0;
}
