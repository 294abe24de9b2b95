#include "streams/marks.h"

#include <stdlib.h>
#include <string.h>

struct marks {
	size_t count, longest;
	struct mark mark[];
};

/* One connection. tail holds the last bytes of each direction, in which a string may have begun. */
struct search {
	struct mark_hit *hit; /* owned */
	uint32_t hits, capacity;
	uint16_t tail_length[SIDES];
	uint8_t tail[SIDES][MARK_BYTES_MAX - 1];
};

struct marks *marks_new(const struct mark *marks, size_t count, struct error *err)
{
	struct marks *m = calloc(1, sizeof(*m) + count * sizeof(m->mark[0]));

	if (!m) {
		error_set(err, "out of memory");
		return NULL;
	}
	m->count = count;
	for (size_t i = 0; i < count; i++) {
		m->mark[i] = marks[i];
		if (marks[i].length > m->longest)
			m->longest = marks[i].length;
	}
	return m;
}

void marks_free(struct marks *m)
{
	free(m);
}

static bool open_search(void *context, const struct stream_origin *origin, struct reading *reading,
			struct error *err)
{
	(void)context;
	(void)origin;
	(void)err;
	reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = true;
	return true; /* its state comes with the first byte */
}

static bool add_hit(struct search *s, const struct mark_hit *hit)
{
	uint32_t same = 0;

	for (uint32_t i = 0; i < s->hits; i++) {
		if (s->hit[i].mark != hit->mark || s->hit[i].side != hit->side)
			continue;
		if (++same == MARK_ROWS) {
			s->hit[i].count++;
			return true;
		}
	}
	if (s->hits == s->capacity) {
		uint32_t capacity = s->capacity ? s->capacity * 2 : 2;
		struct mark_hit *more = realloc(s->hit, capacity * sizeof(*more));

		if (!more)
			return false;
		s->hit = more;
		s->capacity = capacity;
	}
	s->hit[s->hits++] = *hit;
	return true;
}

/* Bytes to look through: a piece of the stream, or the seam between two. */
struct field {
	const uint8_t *bytes;
	size_t length;
	uint64_t offset;   /* of the first one in the stream */
	size_t before;     /* hits start below this index */
	size_t end_behind; /* and end behind this one */
};

static bool search_field(const struct marks *m, struct search *s, const struct field *f,
			 const struct stream_data *data)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mark *mark = &m->mark[i];
		const uint8_t *at = f->bytes, *end = f->bytes + f->length;

		while ((at = memmem(at, (size_t)(end - at), mark->bytes, mark->length))) {
			size_t start = (size_t)(at - f->bytes);
			struct mark_hit hit = {.mark = (uint32_t)i,
					       .side = (uint8_t)data->side,
					       .offset = f->offset + start,
					       .at = data->at,
					       .count = 1};

			if (start >= f->before)
				break;
			if (start + mark->length > f->end_behind && !add_hit(s, &hit))
				return false;
			at++;
		}
	}
	return true;
}

/* Strings that begin in the tail and end in the new piece. */
static bool search_seam(const struct marks *m, struct search *s, const struct stream_data *data)
{
	uint8_t seam[2 * (MARK_BYTES_MAX - 1)];
	size_t tail = s->tail_length[data->side];
	size_t head = data->length < m->longest - 1 ? (size_t)data->length : m->longest - 1;
	const struct field f = {.bytes = seam,
				.length = tail + head,
				.offset = data->offset - tail,
				.before = tail,
				.end_behind = tail};

	if (tail == 0)
		return true;
	memcpy(seam, s->tail[data->side], tail);
	memcpy(seam + tail, data->bytes, head);
	return search_field(m, s, &f, data);
}

static void keep_tail(const struct marks *m, struct search *s, const struct stream_data *data)
{
	uint8_t *tail = s->tail[data->side];
	size_t room = m->longest - 1, kept = s->tail_length[data->side];

	if (data->length >= room) {
		memcpy(tail, data->bytes + data->length - room, room);
		s->tail_length[data->side] = (uint16_t)room;
		return;
	}
	if (kept + data->length > room) {
		memmove(tail, tail + (kept + data->length - room), room - data->length);
		kept = room - data->length;
	}
	memcpy(tail + kept, data->bytes, data->length);
	s->tail_length[data->side] = (uint16_t)(kept + data->length);
}

static bool take_data(void *context, struct reading *reading, const struct stream_data *data,
		      struct error *err)
{
	const struct marks *m = context;
	const struct field f = {.bytes = data->bytes,
				.length = (size_t)data->length,
				.offset = data->offset,
				.before = (size_t)data->length};
	struct search *s = reading->state;

	if (!s) {
		s = reading->state = calloc(1, sizeof(*s));
		if (!s)
			return error_set(err, "out of memory while searching streams");
	}
	if (!data->bytes) {
		s->tail_length[data->side] = 0;
		return true;
	}
	if (!search_seam(m, s, data) || !search_field(m, s, &f, data))
		return error_set(err, "out of memory while searching streams");
	keep_tail(m, s, data);
	return true;
}

static bool finish_search(void *context, struct reading *reading, struct epilogue *epilogue,
			  struct error *err)
{
	const struct search *s = reading->state;

	(void)context;
	(void)err;
	epilogue->marks = s ? s->hit : NULL;
	epilogue->mark_count = s ? s->hits : 0;
	return true;
}

static bool close_search(void *context, struct reading *reading, const struct verdict *verdict,
			 struct error *err)
{
	struct search *s = reading->state;

	(void)context;
	(void)verdict;
	(void)err;
	if (s)
		free(s->hit);
	free(s);
	return true;
}

struct consumer marks_consumer(struct marks *m)
{
	return (struct consumer){.context = m,
				 .open = open_search,
				 .data = take_data,
				 .finish = finish_search,
				 .close = close_search};
}
