/* MPLS label stacks. */
#include "parsers/mpls.h"

#include "parsers/ethernet.h"

enum { LABEL_LENGTH = 4, CONTROL_WORD_LENGTH = 4 };

enum layer mpls_layer(struct frame *f)
{
	uint32_t label = 0;
	struct cursor h;
	uint8_t first;

	do {
		if (!frame_take(f, LABEL_LENGTH, &h))
			return frame_short_link(f, LABEL_LENGTH);
		cursor_be32(&h, &label);
	} while (!(label & 0x100)); /* bottom of stack */

	if (!cursor_peek_u8(&f->at, 0, &first))
		return frame_short_link(f, 1);
	if (first >> 4 == 4)
		return LAYER_IP4;
	if (first >> 4 == 6)
		return LAYER_IP6;
	if (ethernet_holds_ip(f->at))
		return LAYER_ETHERNET;
	h = f->at;
	if (first >> 4 == 0 && cursor_skip(&h, CONTROL_WORD_LENGTH) && ethernet_holds_ip(h)) {
		frame_skip(f, CONTROL_WORD_LENGTH);
		return LAYER_ETHERNET;
	}
	return frame_end(f, SKIP_NOT_IP);
}
