#include "tests/stream_scene.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_address(struct ip_address *address, uint8_t last)
{
	memset(address, 0, sizeof(*address));
	address->bytes[0] = 10;
	address->bytes[3] = last;
}

struct told told_open(struct consumer consumer, unsigned n)
{
	struct told t = {.consumer = consumer};
	struct stream_origin origin = {.ip_version = 4};
	struct error err = {""};

	t.verdict = (struct verdict){
		.ip_version = 4,
		.first_packet = 100 * n + 1,
		.first_ns = SCENE_START_NS + (int64_t)n * INT64_C(1000000000),
		.teardown = TEARDOWN_FOUR_WAY,
		.complete = true,
		.closer = SIDE_RESPONDER,
		.end_reason = END_CLOSED,
	};
	for (int side = 0; side < SIDES; side++) {
		set_address(&t.verdict.dir[side].address, (uint8_t)(side + 1));
		t.verdict.dir[side].seen = true;
		origin.address[side] = t.verdict.dir[side].address;
	}
	t.verdict.dir[SIDE_INITIATOR].port = (uint16_t)(40000 + n);
	t.verdict.dir[SIDE_RESPONDER].port = 80;
	for (int side = 0; side < SIDES; side++)
		origin.port[side] = t.verdict.dir[side].port;
	origin.first_ns = t.verdict.first_ns;
	origin.first_packet = t.verdict.first_packet;
	assert_true(consumer.open(consumer.context, &origin, &t.reading, &err));
	return t;
}

bool told_data(struct told *t, enum side side, const void *bytes, uint64_t length,
	       struct error *err)
{
	struct stream_data data = {
		.side = side,
		.offset = t->next[side],
		.bytes = bytes,
		.length = length,
		.at = {.ts_ns = t->verdict.first_ns + 1, .packet = t->verdict.first_packet + 9},
	};

	t->next[side] += length;
	return t->consumer.data(t->consumer.context, &t->reading, &data, err);
}

void told_bytes(struct told *t, enum side side, const void *bytes, size_t count)
{
	struct error err = {""};

	if (!told_data(t, side, bytes, count, &err))
		fail_msg("%s", err.text);
}

void told_gap(struct told *t, enum side side, uint64_t length)
{
	struct error err = {""};

	if (!told_data(t, side, NULL, length, &err))
		fail_msg("%s", err.text);
}

bool told_close(struct told *t, bool judged, struct error *err)
{
	return t->consumer.close(t->consumer.context, &t->reading, judged ? &t->verdict : NULL,
				 err);
}

const char *told_name(const struct told *t, enum side side, const char *end)
{
	static char names[4][256];
	static unsigned next;
	char *name = names[next++ % 4];
	unsigned n = (unsigned)(t->verdict.first_packet / 100);
	char ends[2][32];

	snprintf(ends[SIDE_INITIATOR], sizeof(ends[0]), "10.0.0.1.%u", 40000 + n);
	snprintf(ends[SIDE_RESPONDER], sizeof(ends[0]), "10.0.0.2.80");
	/* SCENE_START_NS is 2023-11-14T22:13:20Z */
	snprintf(name, sizeof(names[0]), "20231114T22%02u%02u.000000000Z-p%u-%s-%s%s",
		 13 + (20 + n) / 60, (20 + n) % 60, 100 * n + 1, ends[side], ends[!side], end);
	return name;
}

size_t folder_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return count;
}

void expect_file(const char *folder, const char *name, const void *bytes, size_t count)
{
	struct scene_bytes found = scene_read(scene_path(folder, name));

	assert_int_equal(found.size, count);
	assert_memory_equal(found.bytes, bytes, count);
	free(found.bytes);
}

static bool has_all(const char *line, va_list words)
{
	for (const char *word; (word = va_arg(words, const char *));)
		if (!strstr(line, word))
			return false;
	return true;
}

size_t count_lines(const char *folder, const char *name, ...)
{
	struct scene_bytes found = scene_read(scene_path(folder, name));
	char *text = malloc(found.size + 1);
	size_t count = 0;

	assert_non_null(text);
	memcpy(text, found.bytes, found.size);
	text[found.size] = '\0';
	for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		va_list words;

		va_start(words, name);
		count += has_all(line, words);
		va_end(words);
	}
	free(text);
	free(found.bytes);
	return count;
}
