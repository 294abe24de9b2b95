/* The segment lines of a ladder. */
#include "tests/ladder_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times of two steps may be added up. */
#define FARTHEST_NS (INT64_C(2000000000) * NS_PER_S)

static bool flags_of(const char *text, uint8_t *flags)
{
	static const char letters[] = "FSRP.UEW"; /* bit 0 first */

	*flags = 0;
	if (strcmp(text, "none") == 0)
		return true;
	for (; *text; text++) {
		const char *at = strchr(letters, *text);

		if (!at)
			return false;
		*flags |= (uint8_t)(1u << (at - letters));
	}
	return true;
}

static bool sequence_word(struct reader *r, struct case_step *step, const char *word)
{
	const struct case_end *end = &r->ladder->connection[step->connection].end[step->from];
	char copy[64];
	char *colon;
	uint32_t stop;

	snprintf(copy, sizeof(copy), "%s", word);
	colon = strchr(copy, ':');
	if (colon)
		*colon = '\0';
	if (!word_sequence(copy, end->isn, &step->seq))
		return reader_fail(r, "'%s' is no sequence number", word);
	if (!colon)
		return true;
	if (!word_sequence(colon + 1, end->isn, &stop) || stop - step->seq > 65000)
		return reader_fail(r, "'%s' is no range of sequence numbers", word);
	step->payload_len = stop - step->seq;
	return true;
}

static bool timestamp_word(struct case_step *step, const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end != ':' || value > UINT32_MAX)
		return false;
	step->ts_val = (uint32_t)value;
	value = strtoull(end + 1, &end, 10);
	step->ts_ecr = (uint32_t)value;
	step->has_timestamp = true;
	return *end == '\0' && value <= UINT32_MAX;
}

/* What a duplicate may differ in, too. */
static bool frame_word(struct case_step *step, const char *name, const char *value, bool *known)
{
	int64_t n;

	*known = true;
	if (strcmp(name, "vlan") == 0)
		return word_vlans(value, step->vlan, &step->vlan_count);
	if (strcmp(name, "ttl") == 0) {
		step->ttl = word_number(value, 1, 255, &n) ? (uint8_t)n : 0;
		return step->ttl > 0;
	}
	if (strcmp(name, "iface") == 0) {
		step->interface = word_number(value, 0, 1000, &n) ? (uint32_t)n : 0;
		return step->interface > 0 || strcmp(value, "0") == 0;
	}
	if (strcmp(name, "ipid") == 0) {
		step->ip_id = word_number(value, 0, 65535, &n) ? (uint16_t)n : 0;
		return step->ip_id > 0 || strcmp(value, "0") == 0;
	}
	*known = false;
	return false;
}

static bool segment_word(struct reader *r, struct case_step *step, const char *name,
			 const char *value)
{
	const struct case_connection *c = &r->ladder->connection[step->connection];
	bool known;
	bool good = frame_word(step, name, value, &known);
	int64_t n = 0;

	if (known)
		return good ? true : reader_fail(r, "bad value '%s' of '%s'", value, name);
	if (strcmp(name, "ts") == 0) {
		good = timestamp_word(step, value);
	} else if (strcmp(name, "ack") == 0) {
		good = word_sequence(value, c->end[!step->from].isn, &step->ack);
	} else if (strcmp(name, "len") == 0) {
		good = word_number(value, 0, 65000, &n);
		step->payload_len = (uint32_t)n;
	} else if (strcmp(name, "win") == 0) {
		good = word_number(value, 0, 65535, &n);
		step->window = (uint16_t)n;
	} else if (strcmp(name, "mss") == 0) {
		good = word_number(value, 1, 65535, &n);
		step->mss = (uint16_t)n;
	} else if (strcmp(name, "urg") == 0) {
		good = word_number(value, 0, 65535, &n);
		step->urgent = (uint16_t)n;
	} else if (strcmp(name, "wscale") == 0) {
		good = word_number(value, 0, 254, &n);
		step->wscale = (uint8_t)n;
	} else {
		return reader_fail(r, "'%s' is no word of a segment line", name);
	}
	return good ? true : reader_fail(r, "bad value '%s' of '%s'", value, name);
}

static bool segment_words(struct reader *r, struct case_step *step, char **words, size_t count,
			  bool *unseen)
{
	for (size_t i = 0; i < count; i++) {
		const char *word = words[i];

		if (i == 0 && strchr("0123456789-=", *word)) {
			if (!sequence_word(r, step, word))
				return false;
		} else if (strcmp(word, "unseen") == 0) {
			*unseen = true;
		} else if (strcmp(word, "sackok") == 0) {
			step->sack_permitted = true;
		} else if (strcmp(word, "tfo") == 0) {
			step->fast_open = true;
		} else if (strcmp(word, "other") == 0) {
			step->other = true;
		} else if (i + 1 == count) {
			return reader_fail(
				r, "'%s' is no word of a segment line, or its value is missing",
				word);
		} else if (!segment_word(r, step, word, words[++i])) {
			return false;
		}
	}
	return true;
}

static bool step_add(struct reader *r, const struct case_step *step)
{
	if (r->ladder->step_count == CASE_STEPS_MAX)
		return reader_fail(r, "more than %d segments", CASE_STEPS_MAX);
	r->ladder->steps[r->ladder->step_count++] = *step;
	return true;
}

/* A reset consumes nothing and moves nothing, unless it is the first of its sender. */
static void end_advance(struct case_end *end, const struct case_step *step)
{
	bool reset = (step->flags & TCP_RST) != 0;
	uint32_t next = step->seq;

	if (!reset)
		next += step->payload_len + ((step->flags & TCP_SYN) ? 1 : 0) +
			((step->flags & TCP_FIN) ? 1 : 0);
	if (!end->sent || (!reset && (int32_t)(next - end->next) > 0))
		end->next = next;
	end->sent = true;
}

static void segment_defaults(const struct reader *r, struct case_step *step)
{
	const struct case_connection *c = &r->ladder->connection[step->connection];
	const struct case_end *end = &c->end[step->from], *peer = &c->end[!step->from];

	if (end->sent)
		step->seq = end->next;
	else
		step->seq = end->isn + ((step->flags & TCP_SYN) ? 0 : 1);
	if (step->flags & TCP_ACK)
		step->ack = peer->sent ? peer->next : peer->isn + 1;
	step->window = 64240;
	step->ttl = 64;
	step->wscale = WSCALE_NONE;
	memcpy(step->vlan, end->vlan, sizeof(step->vlan));
	step->vlan_count = end->vlan_count;
}

/* TIME [N] >|< FLAGS ... */
static bool segment_line(struct reader *r, char **words, size_t count)
{
	struct case_step step = {.line = r->line, .ts_ns = r->now_ns};
	bool unseen = false;
	int64_t n;
	size_t i = 0;

	if (words[i][0] == '[') {
		size_t length = strlen(words[i]);

		words[i][length - 1] = '\0';
		if (length < 3 || !word_number(words[i] + 1, 1, CASE_CONNECTIONS_MAX, &n))
			return reader_fail(r, "'%s' names no connection", words[i]);
		step.connection = (uint8_t)(n - 1);
		if (!r->ladder->connection[n - 1].declared)
			connection_another(r->ladder, (unsigned)n - 1);
		i++;
	}
	if (count < i + 2 || (strcmp(words[i], ">") != 0 && strcmp(words[i], "<") != 0))
		return reader_fail(r, "expected > or <, and flags");
	step.from = words[i++][0] == '>' ? SIDE_INITIATOR : SIDE_RESPONDER;
	if (!flags_of(words[i], &step.flags))
		return reader_fail(r, "'%s' are no flags", words[i]);
	i++;
	segment_defaults(r, &step);
	if (!r->ladder->zero_ip_id)
		step.ip_id = r->next_ip_id[step.from];
	if (!segment_words(r, &step, words + i, count - i, &unseen))
		return false;
	r->next_ip_id[step.from]++;
	end_advance(&r->ladder->connection[step.connection].end[step.from], &step);
	return unseen || step_add(r, &step);
}

/* TIME dup [N] ... : the N-th last segment once more, N is 1 unless said. */
static bool duplicate_line(struct reader *r, char **words, size_t count)
{
	const struct ladder_case *ladder = r->ladder;
	struct case_step step;
	int64_t back = 1;
	size_t i = 0;
	bool known;

	if (count > 0 && word_number(words[0], 1, CASE_STEPS_MAX, &back))
		i++;
	if ((size_t)back > ladder->step_count)
		return reader_fail(r, "there are no %d segments yet", (int)back);
	step = ladder->steps[ladder->step_count - (size_t)back];
	step.line = r->line;
	step.ts_ns = r->now_ns;
	for (; i + 1 < count; i += 2)
		if (!frame_word(&step, words[i], words[i + 1], &known))
			return reader_fail(
				r, "a duplicate may differ in vlan, ttl, iface and ipid only");
	if (i < count)
		return reader_fail(r, "the value of '%s' is missing", words[i]);
	return step_add(r, &step);
}

bool reader_step(struct reader *r, char **words, size_t count)
{
	const char *time = words[0];
	bool relative = *time == '+';
	struct case_step clock = {.line = r->line, .clock = true};
	int64_t ns;

	if (!case_seconds(relative ? time + 1 : time, &ns))
		return reader_fail(r, "'%s' is no time in seconds", time);
	r->now_ns = relative ? r->now_ns + ns : ns;
	if (r->now_ns > FARTHEST_NS || r->now_ns < -FARTHEST_NS)
		return reader_fail(r, "'%s' is too far from the ladder's zero", time);
	if (count < 2)
		return reader_fail(r, "a time, and nothing at it");
	if (strcmp(words[1], "clock") == 0) {
		clock.ts_ns = r->now_ns;
		return count == 2 ? step_add(r, &clock) : reader_fail(r, "'clock' takes no words");
	}
	if (strcmp(words[1], "dup") == 0)
		return duplicate_line(r, words + 2, count - 2);
	return segment_line(r, words + 1, count - 1);
}
