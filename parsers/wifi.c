/* IEEE 802.11 data frames and the capture headers in front of them. */
#include "parsers/wifi.h"

enum frame_control { /* as a little-endian number; IEEE 802.11-2020, 9.2.4.1 */
		     CONTROL_VERSION = 0x0003,
		     CONTROL_TYPE = 0x000c,
		     CONTROL_TYPE_DATA = 0x0008,
		     CONTROL_SUBTYPE_NULL = 0x0040, /* no frame body */
		     CONTROL_SUBTYPE_QOS = 0x0080,
		     CONTROL_TO_DS = 0x0100,
		     CONTROL_FROM_DS = 0x0200,
		     CONTROL_MORE_FRAGMENTS = 0x0400,
		     CONTROL_PROTECTED = 0x4000,
		     CONTROL_ORDER = 0x8000, /* in QoS data: HT Control is there */
};

enum {
	HEADER_LENGTH = 24,
	ADDRESS_LENGTH = 6,
	QOS_LENGTH = 2,
	QOS_AMSDU = 0x80,
	HT_CONTROL_LENGTH = 4,
	SUBFRAME_LENGTH = 14,
	FCS_LENGTH = 4,
};

enum {
	RADIOTAP_TSFT = 0, /* bit numbers */
	RADIOTAP_FLAGS = 1,
	RADIOTAP_MORE = 31,
	RADIOTAP_HEADER_MIN = 8,
	RADIOTAP_FLAG_FCS = 0x10,
	RADIOTAP_FLAG_PADDED = 0x20, /* body on a four-byte boundary */
};

enum { PPI_HEADER_LENGTH = 8, PRISM_LENGTH = 144, AVS_LENGTH_MIN = 8 };
#define AVS_MAGIC 0x80211000u /* the last digits are a version */

static enum layer amsdu_layer(struct frame *f)
{
	struct cursor h;
	uint16_t length = 0;

	if (!frame_take(f, SUBFRAME_LENGTH, &h))
		return frame_short_link(f, SUBFRAME_LENGTH);
	cursor_skip(&h, 2 * (size_t)ADDRESS_LENGTH);
	cursor_be16(&h, &length);
	if (length > f->wire)
		return frame_end(f, SKIP_BAD_LINK);
	frame_limit(f, length);
	return LAYER_LLC;
}

static enum layer wifi_frame(struct frame *f, bool padded)
{
	struct cursor h;
	uint16_t control = 0, sequence = 0;
	uint8_t qos = 0;
	size_t length = HEADER_LENGTH;

	if (f->at.left < 2)
		return frame_short_link(f, 2);
	h = f->at;
	cursor_le16(&h, &control);
	if ((control & CONTROL_VERSION) != 0)
		return frame_end(f, SKIP_BAD_LINK);
	if ((control & CONTROL_TYPE) != CONTROL_TYPE_DATA || (control & CONTROL_SUBTYPE_NULL))
		return frame_end(f, SKIP_NOT_IP);
	if (control & CONTROL_PROTECTED)
		return frame_end(f, SKIP_ENCRYPTED);
	if ((control & CONTROL_TO_DS) && (control & CONTROL_FROM_DS))
		length += ADDRESS_LENGTH;
	if (control & CONTROL_SUBTYPE_QOS) {
		length += QOS_LENGTH;
		if (control & CONTROL_ORDER)
			length += HT_CONTROL_LENGTH;
	}
	if (padded)
		length = (length + 3) / 4 * 4;
	if (!frame_take(f, length, &h))
		return frame_short_link(f, length);

	cursor_skip(&h, HEADER_LENGTH - 2);
	cursor_le16(&h, &sequence);
	if ((control & CONTROL_MORE_FRAGMENTS) || (sequence & 0x0f) != 0)
		return frame_end(f, SKIP_FRAGMENT);
	if ((control & CONTROL_TO_DS) && (control & CONTROL_FROM_DS))
		cursor_skip(&h, ADDRESS_LENGTH);
	if (control & CONTROL_SUBTYPE_QOS)
		cursor_u8(&h, &qos);
	return qos & QOS_AMSDU ? amsdu_layer(f) : LAYER_LLC;
}

enum layer wifi_layer(struct frame *f)
{
	return wifi_frame(f, false);
}

/* The flags field, which only the time stamp can precede; 0 without. h stands behind the length. */
static uint8_t radiotap_flags(struct cursor h)
{
	uint32_t present = 0, more;
	uint8_t flags = 0;
	size_t at = RADIOTAP_HEADER_MIN;

	cursor_le32(&h, &present);
	if (!(present & (1u << RADIOTAP_FLAGS)))
		return 0;
	for (more = present; more & (1u << RADIOTAP_MORE); at += 4)
		if (!cursor_le32(&h, &more))
			return 0;
	if (present & (1u << RADIOTAP_TSFT)) /* eight bytes, so aligned */
		if (!cursor_skip(&h, (at + 7) / 8 * 8 - at + 8))
			return 0;
	cursor_u8(&h, &flags);
	return flags;
}

enum layer wifi_radiotap_layer(struct frame *f)
{
	struct cursor h = f->at;
	uint16_t length = 0;
	uint8_t version = 0, flags;

	if (h.left < RADIOTAP_HEADER_MIN)
		return frame_short_link(f, RADIOTAP_HEADER_MIN);
	cursor_u8(&h, &version);
	cursor_skip(&h, 1);
	cursor_le16(&h, &length);
	if (version != 0 || length < RADIOTAP_HEADER_MIN)
		return frame_end(f, SKIP_BAD_LINK);
	if (!frame_take(f, length, &h))
		return frame_short_link(f, length);
	cursor_skip(&h, 4);
	flags = radiotap_flags(h);
	if ((flags & RADIOTAP_FLAG_FCS) && f->wire >= FCS_LENGTH)
		frame_limit(f, f->wire - FCS_LENGTH);
	return wifi_frame(f, flags & RADIOTAP_FLAG_PADDED);
}

/* Its header names the link type of what follows; that it may tell of a trailing FCS matters to no
 * length that IP gives. */
enum layer wifi_ppi_layer(struct frame *f)
{
	struct cursor h = f->at;
	uint16_t length = 0;

	if (h.left < PPI_HEADER_LENGTH)
		return frame_short_link(f, PPI_HEADER_LENGTH);
	cursor_skip(&h, 2);
	cursor_le16(&h, &length);
	cursor_le32(&h, &f->linktype);
	if (length < PPI_HEADER_LENGTH)
		return frame_end(f, SKIP_BAD_LINK);
	if (!frame_skip(f, length))
		return frame_short_link(f, length);
	return LAYER_LINK;
}

enum layer wifi_prism_layer(struct frame *f)
{
	struct cursor h = f->at;
	uint32_t magic = 0;

	if (!cursor_be32(&h, &magic))
		return frame_short_link(f, 4);
	if ((magic & 0xfffff000) == AVS_MAGIC)
		return wifi_avs_layer(f);
	if (!frame_skip(f, PRISM_LENGTH))
		return frame_short_link(f, PRISM_LENGTH);
	return wifi_frame(f, false);
}

enum layer wifi_avs_layer(struct frame *f)
{
	struct cursor h = f->at;
	uint32_t magic = 0, length = 0;

	if (h.left < AVS_LENGTH_MIN)
		return frame_short_link(f, AVS_LENGTH_MIN);
	cursor_be32(&h, &magic);
	cursor_be32(&h, &length);
	if ((magic & 0xfffff000) != AVS_MAGIC || length < AVS_LENGTH_MIN)
		return frame_end(f, SKIP_BAD_LINK);
	if (!frame_skip(f, length))
		return frame_short_link(f, length);
	return wifi_frame(f, false);
}
