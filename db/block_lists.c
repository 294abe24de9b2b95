#include "db/block_lists.h"

/* Unkeyed: a list is short, so that values which collide cost little. */
static size_t slot_of(int64_t value)
{
	return (size_t)(((uint64_t)value * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % LIST_SLOTS;
}

bool value_list_add(struct value_list *list, int64_t value)
{
	size_t at = slot_of(value);

	if (list->any || (list->count > 0 && list->value[list->count - 1] == value))
		return false;
	for (; list->slot[at] != 0; at = (at + 1) % LIST_SLOTS)
		if (list->value[list->slot[at] - 1] == value)
			return false;
	if (list->count == LIST_VALUES) {
		list->any = true;
		return true;
	}
	list->value[list->count++] = value;
	list->slot[at] = list->count;
	return true;
}

size_t value_list_pack(const struct value_list *list, uint8_t *out)
{
	uint8_t *at = out;
	int64_t before = 0;

	for (size_t i = 0; i < list->count && !list->any; i++) {
		at = put_varint(at, zigzag(wrapped_difference(list->value[i], before)));
		before = list->value[i];
	}
	return (size_t)(at - out);
}

void start_list_add(struct start_list *list, int64_t place, int64_t ms)
{
	uint8_t *at = list->bytes + list->used;

	if (list->any || list->used + 2 * (size_t)VARINT_MAX > sizeof(list->bytes)) {
		list->any = true;
		return;
	}
	at = put_varint(at, zigzag(wrapped_difference(place, list->place)));
	at = put_varint(at, zigzag(wrapped_difference(ms, list->ms)));
	list->used = (size_t)(at - list->bytes);
	list->place = place;
	list->ms = ms;
}
