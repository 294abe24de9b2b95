/* From a captured packet to a TCP segment or an ICMP error: the walk through the layers. */
#include "parsers/decode.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/ethernet.h"
#include "parsers/fragment.h"
#include "parsers/frame.h"
#include "parsers/icmp.h"
#include "parsers/ip4.h"
#include "parsers/ip6.h"
#include "parsers/link.h"
#include "parsers/mpls.h"
#include "parsers/ppp.h"
#include "parsers/tcp.h"
#include "parsers/tunnel.h"
#include "parsers/usual.h"

enum ip_protocol { /* the extension headers are in ip6.h */
		   PROTOCOL_ICMP = 1,
		   PROTOCOL_IP4 = 4,
		   PROTOCOL_TCP = 6,
		   PROTOCOL_UDP = 17,
		   PROTOCOL_IP6 = 41,
		   PROTOCOL_GRE = 47,
		   PROTOCOL_ESP = 50,
		   PROTOCOL_ICMP6 = 58,
		   PROTOCOL_SCTP = 132,
};

struct decoder {
	struct fragment_table *fragments;
	bool verify_checksums;
	struct decode_counts counts;
};

struct decoder *decoder_new(const struct decoder_config *config, struct error *err)
{
	size_t memory = config->fragment_memory;
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	if (decoder)
		decoder->fragments = fragment_table_new(config->hash_key,
							memory ? memory : FRAGMENT_MEMORY_DEFAULT);
	if (!decoder || !decoder->fragments) {
		free(decoder);
		error_set(err, "out of memory for the packet decoder");
		return NULL;
	}
	decoder->verify_checksums = config->verify_checksums;
	return decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	fragment_table_free(decoder->fragments);
	free(decoder);
}

const struct decode_counts *decoder_counts(const struct decoder *decoder)
{
	return &decoder->counts;
}

static enum layer ip_layer(struct frame *f)
{
	uint8_t first;

	if (!cursor_peek_u8(&f->at, 0, &first))
		return frame_short_ip(f, 1);
	switch (first >> 4) {
	case 4:
		return LAYER_IP4;
	case 6:
		return LAYER_IP6;
	default:
		return frame_end(f, SKIP_BAD_IP);
	}
}

static enum layer protocol_layer(struct frame *f)
{
	uint8_t version = f->out->segment.ip_version;

	switch (f->protocol) {
	case PROTOCOL_TCP:
		return tcp_layer(f);
	case PROTOCOL_UDP:
		return tunnel_udp_layer(f);
	case PROTOCOL_ICMP:
		return version == 4 ? icmp4_layer(f) : frame_end(f, SKIP_OTHER_IP);
	case PROTOCOL_ICMP6:
		return version == 6 ? icmp6_layer(f) : frame_end(f, SKIP_OTHER_IP);
	case PROTOCOL_IP4:
		return tunnel_ip_layer(f, 4);
	case PROTOCOL_IP6:
		return tunnel_ip_layer(f, 6);
	case PROTOCOL_GRE:
		return tunnel_gre_layer(f);
	case PROTOCOL_ESP:
		return frame_end(f, SKIP_ENCRYPTED);
	case PROTOCOL_SCTP:
		return frame_end(f, SKIP_SCTP);
	default:
		break;
	}
	if (f->protocol == IP6_AUTHENTICATION || (version == 6 && ip6_is_extension(f->protocol)))
		return ip6_extension_layer(f);
	return frame_end(f, SKIP_OTHER_IP);
}

static enum layer frame_step(struct frame *f, enum layer layer)
{
	switch (layer) {
	case LAYER_LINK:
		return link_layer(f);
	case LAYER_ETHERNET:
		return ethernet_layer(f);
	case LAYER_ETHERTYPE:
		return ethertype_layer(f);
	case LAYER_LLC:
		return llc_layer(f);
	case LAYER_PPP:
		return ppp_layer(f);
	case LAYER_MPLS:
		return mpls_layer(f);
	case LAYER_IP:
		return ip_layer(f);
	case LAYER_IP4:
		return ip4_layer(f);
	case LAYER_IP6:
		return ip6_layer(f);
	case LAYER_PROTOCOL:
		return protocol_layer(f);
	case LAYER_END:
		break;
	}
	return LAYER_END;
}

/* Apart, so that the usual way does without its registers. */
static __attribute__((noinline)) enum decode_reason
decode_layers(struct decoder *decoder, const struct packet *packet, struct decoded *out)
{
	enum layer layer = LAYER_LINK;
	struct frame f = {
		.at = cursor_of(packet->data, packet->caplen),
		.wire = packet->wirelen > packet->caplen ? packet->wirelen : packet->caplen,
		.packet = packet,
		.out = out,
		.fragments = decoder->fragments,
		.counts = &decoder->counts,
		.linktype = packet->linktype,
		.verify_checksums = decoder->verify_checksums,
	};

	if (usual_frame(&f))
		layer = tcp_layer(&f);
	while (layer != LAYER_END)
		layer = frame_step(&f, layer);
	return f.reason;
}

void decoder_packet(struct decoder *decoder, const struct packet *packet, struct decoded *out)
{
	struct segment *s = &out->segment;

	fragment_release(decoder->fragments);
	if (packet->ts_confirmed)
		fragment_expire(decoder->fragments, packet->ts_ns);
	s->vlan_tags = 0;
	s->fragments = NULL;
	s->fragment_count = 0;
	memset(&s->tunnel, 0, sizeof(s->tunnel));
	if (!decoder->verify_checksums && usual_segment(packet, s, &decoder->counts))
		out->reason = DECODED_SEGMENT;
	else
		out->reason = decode_layers(decoder, packet, out);
	decoder->counts.reason[out->reason]++;
	decoder->counts.fragments_expired = fragment_given_up(decoder->fragments);
}
