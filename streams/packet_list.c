#include "streams/packet_list.h"

#include <stdlib.h>
#include <string.h>

/* A packet as one number: its file above, its number below. */
enum { FILE_SHIFT = 40, VARINT_MAX = 10, CAPACITY_MIN = 32 };

/* The packets of one connection that may turn out to be wanted: each as its distance from the one
 * before, so that most take a byte or two. */
struct pending {
	uint8_t *bytes;
	size_t used, capacity;
	uint64_t last;
	uint64_t *moved; /* those that went to the next incarnation */
	size_t moved_count, moved_capacity;
};

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory for the list of packets");
}

/* Distances of either sign become small numbers: 0, -1, 1, -2, ... */
static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0);
}

static uint64_t unzigzag(uint64_t value)
{
	return value >> 1 ^ (value & 1 ? UINT64_MAX : 0);
}

static bool pending_add(struct pending *p, uint64_t packet, struct error *err)
{
	uint64_t value = zigzag(packet - p->last);
	uint8_t *grown;

	if (p->capacity - p->used < VARINT_MAX) {
		p->capacity = p->capacity ? 2 * p->capacity : CAPACITY_MIN;
		grown = realloc(p->bytes, p->capacity);
		if (!grown)
			return no_memory(err);
		p->bytes = grown;
	}
	for (; value >= 0x80; value >>= 7)
		p->bytes[p->used++] = (uint8_t)(value | 0x80);
	p->bytes[p->used++] = (uint8_t)value;
	p->last = packet;
	return true;
}

static bool pending_move(struct pending *p, uint64_t packet, struct error *err)
{
	uint64_t *grown;

	if (p->moved_count == p->moved_capacity) {
		p->moved_capacity = p->moved_capacity ? 2 * p->moved_capacity : 4;
		grown = realloc(p->moved, p->moved_capacity * sizeof(*grown));
		if (!grown)
			return no_memory(err);
		p->moved = grown;
	}
	p->moved[p->moved_count++] = packet;
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static bool set_add(struct packet_set *set, uint64_t packet, struct error *err)
{
	return packet_set_add(set, (uint32_t)(packet >> FILE_SHIFT),
			      packet & ((UINT64_C(1) << FILE_SHIFT) - 1), err);
}

static bool pending_take(struct pending *p, struct packet_set *set, struct error *err)
{
	uint64_t packet = 0;
	size_t at = 0;

	if (p->moved_count > 0)
		qsort(p->moved, p->moved_count, sizeof(*p->moved), compare);
	while (at < p->used) {
		uint64_t value = 0;

		for (int shift = 0;; shift += 7) {
			value |= (uint64_t)(p->bytes[at] & 0x7f) << shift;
			if (!(p->bytes[at++] & 0x80))
				break;
		}
		packet += unzigzag(value);
		if (p->moved_count > 0 &&
		    bsearch(&packet, p->moved, p->moved_count, sizeof(packet), compare))
			continue;
		if (!set_add(set, packet, err))
			return false;
	}
	return true;
}

static void pending_free(struct pending *p)
{
	free(p->bytes);
	free(p->moved);
	free(p);
}

static bool open_connection(void *context, const struct stream_origin *origin,
			    struct reading *reading, struct error *err)
{
	struct packet_list *list = context;

	if (list->selection && !selection_may_take(list->selection, origin))
		return true;
	reading->wants_segments = true;
	if (!list->selection) /* straight into the set */
		return true;
	reading->state = calloc(1, sizeof(struct pending));
	return reading->state || no_memory(err);
}

static uint64_t packed(uint32_t file, uint64_t number)
{
	return (uint64_t)file << FILE_SHIFT | number;
}

static bool take_packet(struct packet_list *list, struct pending *p, uint64_t packet,
			enum segment_kind kind, struct error *err)
{
	if (!p) /* all are wanted, and so is the next incarnation */
		return set_add(&list->set, packet, err);
	return kind == SEGMENT_MOVED_AWAY ? pending_move(p, packet, err)
					  : pending_add(p, packet, err);
}

static bool take_segment(void *context, struct reading *reading, enum side from,
			 const struct segment *segment, enum segment_kind kind, struct error *err)
{
	struct packet_list *list = context;

	(void)from;
	for (uint32_t i = 0; i < segment->fragment_count; i++) {
		const struct packet_place *place = &segment->fragments[i];

		if (!take_packet(list, reading->state, packed(place->file, place->packet), kind,
				 err))
			return false;
	}
	return segment->fragment_count > 0 ||
	       take_packet(list, reading->state, packed(segment->file, segment->packet), kind, err);
}

static bool take_icmp(void *context, struct reading *reading, const struct icmp_error *icmp,
		      struct error *err)
{
	return take_packet(context, reading->state, packed(icmp->file, icmp->packet), SEGMENT_TAKEN,
			   err);
}

static bool close_connection(void *context, struct reading *reading, const struct verdict *verdict,
			     struct error *err)
{
	struct packet_list *list = context;
	struct pending *p = reading->state;
	bool ok = true;

	if (!list->selection)
		list->connections += verdict != NULL;
	if (!p)
		return true;
	if (verdict && selection_take(list->selection, verdict)) {
		list->connections++;
		ok = pending_take(p, &list->set, err);
	}
	pending_free(p);
	reading->state = NULL;
	return ok;
}

struct consumer packet_list_consumer(struct packet_list *list)
{
	return (struct consumer){
		.context = list,
		.open = open_connection,
		.segment = take_segment,
		.icmp = take_icmp,
		.close = close_connection,
	};
}
