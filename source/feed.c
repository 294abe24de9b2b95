#include "source/feed.h"

#include <stdlib.h>
#include <string.h>

#include "source/filter.h"
#include "source/input.h"

/* A time is confirmed when the next packet is not more than this earlier. */
static const int64_t confirm_ns = INT64_C(60) * 1000000000;

/* Large blocks for speed; small ones, and no thread for each, where many files are open at once. */
static const struct input_reading few_files = {.block = (size_t)256 * 1024, .ahead = true};
static const struct input_reading many_files = {.block = (size_t)64 * 1024, .ahead = false};

enum { FEW_FILES = 8 };

struct feed {
	struct input *inputs;
	size_t input_count;
	struct filter *filter; /* NULL: none */
	struct filter *own;    /* the same where it was made here */
	struct input *next;    /* has the packet to hand out next; NULL: the end */
	bool started;
};

/* Two readers of standard input would take each other's bytes. */
static bool stdin_once(const struct feed_config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->path_count; i++)
		count += strcmp(config->paths[i], "-") == 0;
	return count <= 1;
}

struct feed *feed_open(const struct feed_config *config, struct error *err)
{
	const struct input_reading *how = config->path_count > FEW_FILES ? &many_files : &few_files;
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
		goto no_memory;
	if (!stdin_once(config)) {
		error_set(err, "standard input ('-') can be read only once");
		goto fail;
	}
	feed->inputs = calloc(config->path_count, sizeof(*feed->inputs));
	if (feed->inputs == NULL && config->path_count > 0)
		goto no_memory;
	if (config->filter != NULL && config->compiled == NULL) {
		feed->own = filter_new(config->filter, err);
		if (feed->own == NULL)
			goto fail;
	}
	feed->filter = config->compiled ? config->compiled : feed->own;
	for (size_t i = 0; i < config->path_count; i++) {
		feed->input_count++;
		if (!input_open(&feed->inputs[i], config->paths[i], (uint32_t)i, how, err))
			goto fail;
	}
	return feed;
no_memory:
	error_set(err, "out of memory");
fail:
	feed_close(feed);
	return NULL;
}

void feed_close(struct feed *feed)
{
	if (feed == NULL)
		return;
	for (size_t i = 0; i < feed->input_count; i++)
		input_close(&feed->inputs[i]);
	free(feed->inputs);
	filter_free(feed->own);
	free(feed);
}

struct feed *feed_of_interfaces(const char *const *names, size_t count, struct error *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed != NULL)
		feed->inputs = calloc(count, sizeof(*feed->inputs));
	for (size_t i = 0; feed != NULL && feed->inputs != NULL && i < count; i++) {
		if (!input_interface(&feed->inputs[i], names[i], (uint32_t)i))
			break;
		feed->input_count++;
	}
	if (feed != NULL && feed->input_count == count)
		return feed;
	error_set(err, "out of memory");
	feed_close(feed);
	return NULL;
}

bool feed_tell(struct feed *feed, size_t index, const struct feed_interface *counts,
	       struct error *err)
{
	return input_tell(&feed->inputs[index], counts, err);
}

/* The input whose head is earliest; of equal ones the first. NULL: none has a head. */
static struct input *feed_earliest(struct feed *feed)
{
	struct input *earliest = NULL;

	if (feed->input_count == 1)
		return feed->inputs[0].has_head ? &feed->inputs[0] : NULL;
	for (size_t i = 0; i < feed->input_count; i++) {
		struct input *input = &feed->inputs[i];

		if (input->has_head &&
		    (earliest == NULL || input->head.ts_ns < earliest->head.ts_ns))
			earliest = input;
	}
	return earliest;
}

static bool feed_start(struct feed *feed, struct error *err)
{
	for (size_t i = 0; i < feed->input_count; i++) {
		if (!input_advance(&feed->inputs[i], feed->filter, NULL, err))
			return false;
	}
	feed->next = feed_earliest(feed);
	feed->started = true;
	return true;
}

enum feed_result feed_next(struct feed *feed, struct packet *packet, struct error *err)
{
	struct input *input;

	if (!feed->started && !feed_start(feed, err))
		return FEED_FAILED;
	input = feed->next;
	if (input == NULL)
		return FEED_END;
	*packet = input->head;
	if (!input_advance(input, feed->filter, packet, err))
		return FEED_FAILED;
	feed->next = feed_earliest(feed);
	packet->ts_confirmed = feed->next != NULL &&
			       feed->next->head.ts_ns >= packet->ts_ns - confirm_ns;
	return FEED_PACKET;
}

size_t feed_file_count(const struct feed *feed)
{
	return feed->input_count;
}

const struct feed_file *feed_file(const struct feed *feed, size_t index)
{
	return index < feed->input_count ? &feed->inputs[index].file : NULL;
}
