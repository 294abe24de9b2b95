#include "tests/zeek_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene scene_at(uint32_t initiator_isn, uint32_t responder_isn)
{
	return (struct scene){.isn = {initiator_isn, responder_isn}};
}

struct scene scene_new(void)
{
	return scene_at(100000000, 70000000);
}

static uint8_t flags_of(const char *text)
{
	uint8_t flags = 0;

	for (; *text != '\0'; text++)
		switch (*text) {
		case 'S':
			flags |= TCP_SYN;
			break;
		case 'A':
			flags |= TCP_ACK;
			break;
		case 'F':
			flags |= TCP_FIN;
			break;
		case 'R':
			flags |= TCP_RST;
			break;
		case '-':
			break;
		default:
			fail_msg("no flag '%c'", *text);
		}
	return flags;
}

static void play_one(struct scene *scene, char *text)
{
	struct segment s = {.window = 1000};
	char *rest, *word = strtok_r(text, " ", &rest);
	enum side from = strcmp(word, ">") == 0 ? SIDE_INITIATOR : SIDE_RESPONDER;

	assert_true(strcmp(word, ">") == 0 || strcmp(word, "<") == 0);
	s.flags = flags_of(strtok_r(NULL, " ", &rest));
	s.seq = scene->isn[from] + (uint32_t)strtoll(strtok_r(NULL, " ", &rest), NULL, 10);
	while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
		if (*word == 'a')
			s.ack = scene->isn[!from] + (uint32_t)strtoll(word + 1, NULL, 10);
		else if (*word == '+')
			s.payload_len = (uint32_t)strtoul(word + 1, NULL, 10);
		else if (strcmp(word, "w0") == 0)
			s.window = 0;
		else
			fail_msg("no part of a segment: %s", word);
	}
	zeek_segment(&scene->zeek, from, &s);
}

void play(struct scene *scene, const char *segments)
{
	char *copy = strdup(segments), *rest;

	assert_non_null(copy);
	for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
		if (strspn(one, " ") < strlen(one))
			play_one(scene, one);
	free(copy);
}

void expect(const struct scene *scene, const char *history, enum conn_state state)
{
	assert_string_equal(zeek_history(&scene->zeek), history);
	assert_string_equal(conn_state_name(zeek_conn_state(&scene->zeek)), conn_state_name(state));
}

void check_traces(const struct trace *traces, size_t count, struct scene scene)
{
	for (size_t i = 0; i < count; i++) {
		struct scene copy = scene;

		play(&copy, traces[i].segments);
		if (strcmp(zeek_history(&copy.zeek), traces[i].history) != 0 ||
		    zeek_conn_state(&copy.zeek) != traces[i].state)
			print_error("in: %s\n", traces[i].segments);
		expect(&copy, traces[i].history, traces[i].state);
	}
}
