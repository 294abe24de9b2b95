/* Who reads along: consumers of the bytes that connections carry.
 *
 * A consumer is told of each connection once (open), then gets the bytes of the directions it wants in
 * order, each once, as soon as they are known to be next (data), and is asked for what it found when
 * the connection is judged (finish, close). Directions that nobody wants cost nothing and buffer
 * nothing; a consumer that has seen enough clears its wishes and is called no more but at the end.
 *
 * Everything passed is borrowed for the length of the call. Callbacks return false with err to stop
 * the run; all but open may be NULL. */
#ifndef LASTACK_ANALYZER_CONSUMER_H
#define LASTACK_ANALYZER_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"
#include "base/error.h"
#include "parsers/segment.h"

enum { CONSUMERS_MAX = 4 };

/* Where a stream comes from, as far as is known at the connection's first segment. */
struct stream_origin {
	uint8_t ip_version;
	struct ip_address address[SIDES];
	uint16_t port[SIDES];
	const struct tunnel *tunnel; /* NULL outside tunnels */
	int64_t first_ns;
	uint64_t first_packet;
	uint32_t file;
	bool midstream;
};

/* A consumer's part of one connection. */
struct reading {
	void *state; /* the consumer's own; freed by it in close */
	bool wants
		[SIDES]; /* the bytes this side sent; may be cleared at any call, never set again */
	bool wants_segments; /* every segment, also those without payload; the same */
};

/* The next piece of one direction. */
struct stream_data {
	enum side side;  /* who sent it */
	uint64_t offset; /* of its first byte, from the stream's first one: SYN's number + 1, or the
	                       * first one known of a midstream connection */
	const uint8_t
		*bytes; /* NULL: a gap: the capture does not hold these bytes, or only as bytes that
	                       * came too late, outside the window or behind a reset */
	uint64_t length;  /* > 0 */
	uint32_t seq;     /* of its first byte */
	struct moment at; /* the segment that brought it; of a gap the one that showed it */
	uint32_t ack;     /* of that segment, as on the wire */
	uint8_t flags;
};

enum segment_kind {
	SEGMENT_TAKEN,     /* it belongs to the connection */
	SEGMENT_DUPLICATE, /* a capture duplicate of one that belongs to it */
	SEGMENT_MOVED_AWAY, /* it turned out to belong to the next incarnation, which is told it, too */
};

/* What consumers add to a verdict. */
struct epilogue {
	const struct application *application; /* NULL: not looked at, or nothing known */
	struct moment application_at;          /* the segment that decided it */
	const struct mark_hit *marks;
	size_t mark_count;
};

struct consumer {
	void *context;
	/* The connection's first segment has come. Sets *reading (zeroed before). */
	bool (*open)(void *context, const struct stream_origin *origin, struct reading *reading,
		     struct error *err);
	/* Before the bytes it carries. segment->payload is as captured, in no order. */
	bool (*segment)(void *context, struct reading *reading, enum side from,
			const struct segment *segment, enum segment_kind kind, struct error *err);
	/* An ICMP error about a segment of the connection, where wants_segments. */
	bool (*icmp)(void *context, struct reading *reading, const struct icmp_error *icmp,
		     struct error *err);
	bool (*data)(void *context, struct reading *reading, const struct stream_data *data,
		     struct error *err);
	/* Both FINs are delivered, or a reset ended the connection: as a rule nothing more comes (a reset
	 * may be taken back). Once; the verdict may be minutes of capture time away. */
	bool (*ended)(void *context, struct reading *reading, struct error *err);
	/* No more bytes will come; the verdict is about to be given. With early it may be asked again, and tells
	 * the same. */
	bool (*finish)(void *context, struct reading *reading, struct epilogue *epilogue,
		       struct error *err);
	/* Once for each open. verdict is NULL where the run failed, or with early; what finish gave is needed
	 * no more after it. */
	bool (*close)(void *context, struct reading *reading, const struct verdict *verdict,
		      struct error *err);
	/* Once it wants nothing more of a connection that has ended, that may be told before it is forgotten,
	 * and told again. */
	bool early;
};

#endif
