#include "monitor/open_rows.h"

#include <stdlib.h>
#include <string.h>

/* The state an end was in last; what the timeline leaves out follows from how far the handshake came. *since_ns:
 * NONE_NS where it is not known. */
static uint8_t state_of(const struct verdict *v, enum side side, int64_t *since_ns)
{
	uint8_t state = LIVE_STATE_NONE;

	*since_ns = NONE_NS;
	for (size_t i = 0; i < v->timeline_count; i++)
		if (v->timeline[i].side == side) {
			state = v->timeline[i].state;
			*since_ns = v->timeline[i].entry_ns;
		}
	if (state != LIVE_STATE_NONE)
		return state;
	switch (v->teardown) {
	case TEARDOWN_STRAY:
		return LIVE_STATE_NONE;
	case TEARDOWN_UNANSWERED:
	case TEARDOWN_REFUSED:
		return side == SIDE_INITIATOR ? LIVE_STATE_SYN_SENT : LIVE_STATE_NONE;
	case TEARDOWN_HANDSHAKE_INCOMPLETE:
	case TEARDOWN_HANDSHAKE_ABORTED:
		return side == SIDE_INITIATOR ? LIVE_STATE_SYN_SENT : LIVE_STATE_SYN_RECEIVED;
	default:
		return STATE_ESTABLISHED;
	}
}

/* The states in the order of RFC 9293's diagram: which end is further on. But an end in CLOSE_WAIT keeps its
 * peer in FIN_WAIT_2, so that the connection is in CLOSE_WAIT for who looks for what is stuck. */
static int progress(uint8_t state)
{
	static const int order[ENDPOINT_STATES] = {
		[STATE_ESTABLISHED] = 1, [STATE_FIN_WAIT_1] = 2, [STATE_FIN_WAIT_2] = 3,
		[STATE_CLOSE_WAIT] = 4,  [STATE_CLOSING] = 5,    [STATE_LAST_ACK] = 6,
		[STATE_TIME_WAIT] = 7,   [STATE_CLOSED] = 8,
	};

	return state < ENDPOINT_STATES ? order[state] : 0;
}

static void count(struct open_rows *rows, uint8_t initiator, uint8_t responder)
{
	uint8_t further = progress(initiator) >= progress(responder) ? initiator : responder;

	rows->seen++;
	rows->by_state[further < ENDPOINT_STATES ? further : STATE_CLOSED]++;
}

static struct live_open *room(struct open_rows *rows)
{
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 256;
		struct live_open *grown = realloc(rows->row, capacity * sizeof(*grown));

		if (!grown)
			return NULL;
		rows->row = grown;
		rows->capacity = capacity;
	}
	return &rows->row[rows->count];
}

bool open_rows_add(void *context, const struct verdict *v, struct error *err)
{
	struct open_rows *rows = context;
	int64_t since_ns[SIDES];
	uint8_t state[SIDES] = {state_of(v, SIDE_INITIATOR, &since_ns[SIDE_INITIATOR]),
				state_of(v, SIDE_RESPONDER, &since_ns[SIDE_RESPONDER])};
	struct live_open *o;

	count(rows, state[SIDE_INITIATOR], state[SIDE_RESPONDER]);
	if (rows->count == OPEN_ROWS_MAX)
		return true;
	o = room(rows);
	if (!o)
		return error_set(err, "out of memory");
	memset(o, 0, sizeof(*o)); /* compared as bytes */
	o->interface = v->file;
	o->ip_version = v->ip_version;
	o->teardown = (uint8_t)v->teardown;
	o->midstream = v->midstream;
	o->tunnel = v->tunnel;
	o->first_ns = v->first_ns + rows->by_ns;
	o->last_ns = v->last_ns + rows->by_ns;
	for (int side = 0; side < SIDES; side++) {
		const struct verdict_direction *d = &v->dir[side];

		o->state[side] = state[side];
		o->since_ns[side] = since_ns[side] == NONE_NS ? NONE_NS
							      : since_ns[side] + rows->by_ns;
		o->address[side] = d->address;
		o->port[side] = d->port;
		o->vlan_tags[side] = d->vlan_tags;
		o->packets[side] = d->packets;
		o->bytes[side] = d->bytes;
	}
	rows->count++;
	return true;
}
