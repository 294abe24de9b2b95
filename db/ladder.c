#include "db/ladder.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "db/sql_error.h"
#include "db/varint.h"

/* bits of a segment's second byte */
enum { FROM_RESPONDER = 0x01, AFTER_GAP = 0x02, OTHER_FILE = 0x04, HAS_ACK = 0x08 };

size_t ladder_pack(const struct ladder_base *base, const struct ladder_segment *segments,
		   size_t count, uint8_t *out)
{
	int64_t ts_ns = base->first_ns;
	uint64_t packet = base->first_packet;
	uint8_t *at = out;

	for (size_t i = 0; i < count; i++) {
		const struct ladder_segment *s = &segments[i];
		enum side from = s->from == SIDE_RESPONDER ? SIDE_RESPONDER : SIDE_INITIATOR;
		bool has_ack = (s->flags & TCP_ACK) || s->ack != 0;

		*at++ = s->flags;
		*at++ = (uint8_t)((from == SIDE_RESPONDER ? FROM_RESPONDER : 0) |
				  (s->after_gap ? AFTER_GAP : 0) |
				  (s->file != base->file ? OTHER_FILE : 0) |
				  (has_ack ? HAS_ACK : 0));
		*at++ = s->ttl;
		at = put_varint(at, zigzag(wrapped_difference(s->ts_ns, ts_ns)));
		at = put_varint(at,
				zigzag(wrapped_difference((int64_t)s->packet, (int64_t)packet)));
		if (s->file != base->file)
			at = put_varint(at, s->file);
		at = put_varint(at, s->seq - base->isn[from]);
		if (has_ack)
			at = put_varint(at, s->ack - base->isn[from == SIDE_INITIATOR]);
		at = put_varint(at, s->payload_len);
		at = put_varint(at, s->window);
		ts_ns = s->ts_ns;
		packet = s->packet;
	}
	return (size_t)(at - out);
}

static bool unpack_segment(struct cursor *c, const struct ladder_base *base,
			   struct ladder_segment *s)
{
	uint8_t bits;
	uint64_t ts, packet, file = base->file, seq, ack = 0, payload_len, window;

	if (!cursor_u8(c, &s->flags) || !cursor_u8(c, &bits) || !cursor_u8(c, &s->ttl) ||
	    !get_varint(c, &ts) || !get_varint(c, &packet) ||
	    ((bits & OTHER_FILE) && !get_varint(c, &file)) || !get_varint(c, &seq) ||
	    ((bits & HAS_ACK) && !get_varint(c, &ack)) || !get_varint(c, &payload_len) ||
	    !get_varint(c, &window))
		return false;
	s->from = bits & FROM_RESPONDER ? SIDE_RESPONDER : SIDE_INITIATOR;
	s->after_gap = bits & AFTER_GAP;
	s->ts_ns = wrapped_sum(base->first_ns, unzigzag(ts));
	s->packet = (uint64_t)wrapped_sum((int64_t)base->first_packet, unzigzag(packet));
	s->file = (uint32_t)file;
	s->seq = base->isn[s->from] + (uint32_t)seq;
	s->ack = bits & HAS_ACK ? base->isn[s->from == SIDE_INITIATOR] + (uint32_t)ack : 0;
	s->payload_len = (uint32_t)payload_len;
	s->window = (uint32_t)window;
	return true;
}

bool ladder_unpack(const struct ladder_base *base, const uint8_t *bytes, size_t size,
		   struct ladder_segment *segments, size_t max, size_t *count)
{
	struct cursor c = cursor_of(bytes, size);
	struct ladder_base at = *base;

	*count = 0;
	while (c.left > 0) {
		if (*count == max || !unpack_segment(&c, &at, &segments[*count]))
			return false;
		at.first_ns = segments[*count].ts_ns;
		at.first_packet = segments[*count].packet;
		(*count)++;
	}
	return true;
}

static bool read_row(sqlite3_stmt *select, struct ladder_segment **segments, size_t *count,
		     struct error *err)
{
	struct ladder_base base = {
		.first_ns = sqlite3_column_int64(select, 0),
		.first_packet = (uint64_t)sqlite3_column_int64(select, 1),
		.file = (uint32_t)sqlite3_column_int64(select, 2),
		.isn = {(uint32_t)sqlite3_column_int64(select, 3),
			(uint32_t)sqlite3_column_int64(select, 4)},
	};
	const uint8_t *bytes = sqlite3_column_blob(select, 5);
	size_t size = (size_t)sqlite3_column_bytes(select, 5);
	size_t max = size / 7 + 1; /* a segment takes seven bytes at the least */

	*segments = calloc(max, sizeof(**segments));
	if (!*segments)
		return error_set(err, "out of memory");
	if (ladder_unpack(&base, bytes, size, *segments, max, count))
		return true;
	free(*segments);
	*segments = NULL;
	*count = 0;
	return error_set(err, "the stored ladder is damaged");
}

bool ladder_read(struct store *store, int64_t connection_id, struct ladder_segment **segments,
		 size_t *count, struct error *err)
{
	static const char sql[] =
		"SELECT c.first_ns, c.first_packet, p.position, c.isns >> 32, c.isns,"
		" l.segments FROM ladders AS l JOIN connections AS c ON c.id = l.connection_id"
		" JOIN captures AS p ON p.id = c.capture_id WHERE l.connection_id = ?";
	sqlite3 *db = store_handle(store);
	sqlite3_stmt *select;
	bool ok = true;
	int step;

	*segments = NULL;
	*count = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &select, NULL) != SQLITE_OK)
		return sql_error(db, err);
	sqlite3_bind_int64(select, 1, connection_id);
	step = sqlite3_step(select);
	if (step == SQLITE_ROW)
		ok = read_row(select, segments, count, err);
	else if (step != SQLITE_DONE)
		ok = sql_error(db, err);
	sqlite3_finalize(select);
	return ok;
}
