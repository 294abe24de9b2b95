#include "streams/packet_set.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_MIN = 4096 };

static bool no_memory(struct error *err)
{
	return error_set(err, "out of memory for the list of packets");
}

static bool grow_files(struct packet_set *set, uint32_t count, struct error *err)
{
	struct packet_bits *files;

	if (count <= set->file_count)
		return true;
	files = realloc(set->files, count * sizeof(*files));
	if (!files)
		return no_memory(err);
	memset(files + set->file_count, 0, (count - set->file_count) * sizeof(*files));
	set->files = files;
	set->file_count = count;
	return true;
}

static bool grow_bits(struct packet_bits *bits, size_t need, struct error *err)
{
	size_t size = bits->size ? bits->size : SIZE_MIN;
	uint8_t *bytes;

	if (need <= bits->size)
		return true;
	while (size < need)
		size *= 2;
	bytes = realloc(bits->bytes, size);
	if (!bytes)
		return no_memory(err);
	memset(bytes + bits->size, 0, size - bits->size);
	bits->bytes = bytes;
	bits->size = size;
	return true;
}

bool packet_set_add(struct packet_set *set, uint32_t file, uint64_t number, struct error *err)
{
	uint8_t bit = (uint8_t)(1u << (number % 8));
	uint8_t *byte;

	if (!grow_files(set, file + 1, err) ||
	    !grow_bits(&set->files[file], (size_t)(number / 8) + 1, err))
		return false;
	byte = &set->files[file].bytes[number / 8];
	set->count += !(*byte & bit);
	*byte = (uint8_t)(*byte | bit);
	return true;
}

bool packet_set_has(const struct packet_set *set, uint32_t file, uint64_t number)
{
	return file < set->file_count && number / 8 < set->files[file].size &&
	       (set->files[file].bytes[number / 8] >> (number % 8) & 1) != 0;
}

void packet_set_free(struct packet_set *set)
{
	for (uint32_t i = 0; i < set->file_count; i++)
		free(set->files[i].bytes);
	free(set->files);
	*set = (struct packet_set){0};
}
