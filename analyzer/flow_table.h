/* All remembered connections: found by tuple, forgotten by queue.
 *
 * A flow is the handle of one connection: its identity, its place in the queues, and the connection
 * itself, either live or packed (packed.h). Each VLAN lane of a tuple has one running flow, which hangs
 * in the tuple's bucket; older incarnations hang behind it and are in no bucket, so that a tuple used
 * again and again is found as fast as any other. Hash keys come off the wire, so the hash is keyed
 * (SipHash-1-3: of a hash no more is told than how long looking it up takes). */
#ifndef LASTACK_ANALYZER_FLOW_TABLE_H
#define LASTACK_ANALYZER_FLOW_TABLE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "analyzer/connection.h"
#include "parsers/segment.h"

/* Both directions of a tuple give the same key: the lower (address, port) comes first. */
struct flow_key {
	struct ip_address low, high;
	uint16_t low_port, high_port;
	uint32_t ip_version;
};

enum way { LOW_TO_HIGH, HIGH_TO_LOW, WAYS };

/* In the order in which they are given up at a memory bound. */
enum flow_queue {
	QUEUE_ATTEMPT, /* never answered: forgotten after 2MSL of silence */
	QUEUE_ENDED,   /* closed, reset or superseded: the same */
	QUEUE_HALF,    /* answered, handshake not done: the same */
	QUEUE_ALIVE,   /* forgotten after the idle timeout, if any */
	FLOW_QUEUES
};

/* A flow as others of its table know it: 0 is none. Half as long as a pointer, and there are many. */
typedef uint32_t flow_id;

enum flow_form { FORM_NONE, FORM_LIVE, FORM_PACKED, FORM_REGULAR, FORM_KEPT };

/* What most flows do not have. */
struct flow_rare {
	struct ip_address low, high; /* IPv6 */
	struct tunnel tunnel;        /* depth 0 outside tunnels */
	uint64_t vlan_tags[WAYS];    /* its own, or those of its lane before */
};

/* Small, as it is what is left of a connection for 2MSL beside its kept form. */
struct flow {
	struct flow_rare *rare; /* owned; NULL for IPv4 outside tunnels and VLANs */
	union {                 /* owned; see remember.h for when it is what */
		struct connection *live;
		struct packed *packed;
		struct regular *regular;
		struct kept *kept;
	} as;
	struct streams *streams;   /* owned; NULL where nobody reads along (streams.h) */
	uint64_t serial;           /* in order of creation; 0: a free slot */
	int64_t active_ns;         /* confirmed capture time at its last segment */
	int64_t followed_ns;       /* the next incarnation's first SYN; NONE_NS: none */
	uint64_t told;             /* its verdict's number; 0: not told yet */
	uint8_t low4[4], high4[4]; /* IPv4 addresses */
	uint16_t low_port, high_port;
	uint32_t hash;             /* the lower half */
	flow_id id;                /* its own */
	flow_id next, previous;    /* in its bucket while it is running; newest first */
	flow_id ahead, behind;     /* in its queue: ahead was active longer ago */
	flow_id older, newer;      /* incarnations of the same lane */
	uint32_t memory;           /* accounted for its connection and streams */
	uint32_t duplicates;       /* capture duplicates of its segments */
	uint8_t form : 3;          /* enum flow_form */
	uint8_t queue : 3;         /* enum flow_queue */
	uint8_t initiator_way : 1; /* enum way of the initiator's segments */
	bool is_ip6 : 1;
	uint8_t lanes_known : 2; /* bit of a way: its VLAN tags are known */
	uint8_t seen : 2;        /* bit of a way: a segment of this incarnation came this way */
	bool running : 1;        /* the newest of its lane */
	bool heir : 1;       /* the incarnation before it is forgotten, not the one before that */
	bool superseded : 1; /* it had not ended when the next one came */
	bool awaits_answer : 1;  /* its tuple was reused; the first segment back is not seen yet */
	bool attempt : 1;        /* at its last segment it was no more than an unanswered SYN */
	bool recently_ended : 1; /* waits in the ring to be packed */
	bool tell_again : 1;     /* something may have changed since it was told */
	bool unsettled : 1;      /* it was told while its TIME_WAIT was still watched */
};

/* Whether from comes first. */
static inline bool flow_goes_up(const struct ip_address *from, uint16_t from_port,
				const struct ip_address *to, uint16_t to_port, uint8_t ip_version)
{
	uint32_t from4, to4;
	int order;

	if (ip_version == 4) {
		memcpy(&from4, from->bytes, sizeof(from4));
		memcpy(&to4, to->bytes, sizeof(to4));
		return from4 != to4 ? be32toh(from4) < be32toh(to4) : from_port < to_port;
	}
	order = memcmp(from, to, sizeof(*from));
	return order != 0 ? order < 0 : from_port < to_port;
}

/* The key of a segment and the way it goes. */
static inline struct flow_key flow_key_of(const struct ip_address *src, uint16_t sport,
					  const struct ip_address *dst, uint16_t dport,
					  uint8_t ip_version, enum way *way)
{
	bool up = flow_goes_up(src, sport, dst, dport, ip_version);

	*way = up ? LOW_TO_HIGH : HIGH_TO_LOW;
	return (struct flow_key){.low = up ? *src : *dst,
				 .high = up ? *dst : *src,
				 .low_port = up ? sport : dport,
				 .high_port = up ? dport : sport,
				 .ip_version = ip_version};
}

enum { FLOW_LANES_MAX = 64 };

struct flow_table;

struct flow_table *flow_table_new(const uint8_t hash_key[16]);
void flow_table_free(struct flow_table *table); /* all flows too; NULL is fine */

/* Keyed; the same as long as the table is there. Where chains get long all the same, the key is known to somebody,
 * and flow_add() takes another one for the chains alone: what else goes by the hash (duplicates.h) is not told. */
uint64_t flow_hash(struct flow_table *table, const struct flow_key *key,
		   const struct tunnel *tunnel);
/* The running flow of the tuple this segment belongs to by the VLAN rule (section 1); NULL: none.
 * At most FLOW_LANES_MAX lanes of a tuple are looked at, the newest first; *bound tells that there are
 * more. */
struct flow *flow_find(struct flow_table *table, uint64_t hash, const struct flow_key *key,
		       const struct tunnel *tunnel, enum way way, uint64_t vlan_tags, bool *bound);
/* Any running flow of the tuple, whatever its VLAN. */
struct flow *flow_find_any(const struct flow_table *table, uint64_t hash,
			   const struct flow_key *key, const struct tunnel *tunnel);
/* A new flow without connection, in no queue yet; NULL without memory, or where there are 2^32. */
struct flow *flow_add(struct flow_table *table, uint64_t hash, const struct flow_key *key,
		      const struct tunnel *tunnel);
/* A segment of this VLAN has gone this way; only the first counts. False without memory. */
bool flow_sees(struct flow_table *table, struct flow *flow, enum way way, uint64_t vlan_tags);
/* The next incarnation of its lane takes over: it is running no more. */
void flow_retire(struct flow_table *table, struct flow *old, struct flow *successor);
/* Its connection is freed. */
void flow_empty(struct flow *flow);
/* Out of bucket, queue and lane; its connection is freed with it. */
void flow_remove(struct flow_table *table, struct flow *flow);
/* All flows at once. */
void flow_clear(struct flow_table *table);
/* To the end of a queue. */
void flow_move(struct flow_table *table, struct flow *flow, enum flow_queue queue);
/* The same of one that was active now. */
static inline void flow_touch(struct flow_table *table, struct flow *flow, enum flow_queue queue,
			      int64_t now_ns)
{
	flow->active_ns = now_ns;
	if (flow->queue != queue || flow->behind != 0)
		flow_move(table, flow, queue);
}
/* The neighbours of a flow; NULL: none. */
struct flow *flow_older(const struct flow_table *table, const struct flow *flow);
struct flow *flow_newer(const struct flow_table *table, const struct flow *flow);
struct flow *flow_ahead(const struct flow_table *table, const struct flow *flow);
struct flow *flow_behind(const struct flow_table *table, const struct flow *flow);
struct flow *flow_queue_head(const struct flow_table *table, enum flow_queue queue);
/* The one active last. */
struct flow *flow_queue_tail(const struct flow_table *table, enum flow_queue queue);
/* Every flow once, in no order. The visitor must not add or remove any. */
void flow_each(struct flow_table *table, void (*visit)(struct flow *flow));
/* How often the key of the chains was changed. */
unsigned flow_table_rekeyed(const struct flow_table *table);
size_t flow_count(const struct flow_table *table);
/* Bytes of flows and buckets; connections are accounted by the engine. */
size_t flow_table_memory(const struct flow_table *table);

/* In one of its forms; NULL: it is in another. */
static inline struct connection *flow_live(const struct flow *flow)
{
	return flow->form == FORM_LIVE ? flow->as.live : NULL;
}

static inline struct regular *flow_regular(const struct flow *flow)
{
	return flow->form == FORM_REGULAR ? flow->as.regular : NULL;
}

static inline struct kept *flow_kept(const struct flow *flow)
{
	return flow->form == FORM_KEPT ? flow->as.kept : NULL;
}

static inline void flow_set_live(struct flow *flow, struct connection *live)
{
	flow->as.live = live;
	flow->form = FORM_LIVE;
}

static inline uint64_t flow_vlan_tags(const struct flow *flow, enum way way)
{
	return flow->rare ? flow->rare->vlan_tags[way] : 0;
}

/* NULL outside tunnels. */
static inline const struct tunnel *flow_tunnel(const struct flow *flow)
{
	return flow->rare && flow->rare->tunnel.depth > 0 ? &flow->rare->tunnel : NULL;
}

static inline uint8_t flow_ip_version(const struct flow *flow)
{
	return flow->is_ip6 ? 6 : 4;
}

static inline enum side flow_side(const struct flow *flow, enum way way)
{
	return flow->initiator_way == way ? SIDE_INITIATOR : SIDE_RESPONDER;
}

static inline enum way flow_way(const struct flow *flow, enum side side)
{
	return side == SIDE_INITIATOR
		       ? (enum way)flow->initiator_way
		       : (flow->initiator_way == LOW_TO_HIGH ? HIGH_TO_LOW : LOW_TO_HIGH);
}

/* The end that side stands for. */
struct ip_address flow_address(const struct flow *flow, enum side side);
static inline uint16_t flow_port(const struct flow *flow, enum side side)
{
	return flow_way(flow, side) == LOW_TO_HIGH ? flow->low_port : flow->high_port;
}

#endif
