/* A frame that turns out to be a fragment. */
#include "parsers/reassembly.h"

enum layer reassemble(struct frame *f, struct fragment *fragment)
{
	struct segment *s = &f->out->segment;
	struct packet_place place = {.packet = f->packet->number, .file = f->packet->file};
	struct datagram datagram;

	f->counts->fragments++;
	/* Without an IP length nobody knows where the fragment ends. */
	if (f->length_guessed || f->wire > UINT16_MAX)
		return frame_end(f, SKIP_BAD_FRAGMENT);
	fragment->src = &s->src;
	fragment->dst = &s->dst;
	fragment->tunnel = &s->tunnel;
	fragment->vlan_tags = s->vlan_tags;
	fragment->bytes = f->at;
	fragment->length = (uint32_t)f->wire;
	fragment->ts_ns = f->packet->ts_ns;
	fragment->places = s->fragment_count ? s->fragments : &place;
	fragment->place_count = s->fragment_count ? s->fragment_count : 1;
	switch (fragment_add(f->fragments, fragment, &datagram)) {
	case FRAGMENT_WAITS:
		return frame_end(f, SKIP_FRAGMENT);
	case FRAGMENT_COMPLETE:
		f->counts->datagrams_reassembled++;
		s->fragments = datagram.places;
		s->fragment_count = datagram.place_count;
		f->at = datagram.bytes;
		f->wire = datagram.length;
		f->protocol = datagram.protocol;
		return LAYER_PROTOCOL;
	case FRAGMENT_BAD:
		break;
	}
	return frame_end(f, SKIP_BAD_FRAGMENT);
}
