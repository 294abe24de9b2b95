#include "analyzer/closed.h"

#include <assert.h>
#include <string.h>

#include "analyzer/application_block.h"
#include "analyzer/remember.h"

/* Behind it the flow's rare part, where it has one, then what is kept, and then what was read, if anything was. */
struct closed {
	struct flow flow;
	int64_t until_ns, two_msl_ns, stuck_ns;
	uint16_t size; /* of all */
	uint16_t read; /* where a struct closed_reading begins, in behind; 0: there is none */
	uint8_t reason, ladders;
	bool has_rare;
	_Alignas(8) uint8_t behind[];
};

/* Behind it a struct application_block. */
struct closed_reading {
	struct moment at; /* the segment that decided about the application */
};

enum { APPLICATION_MAX = 1024 };

static size_t aligned(size_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

bool closed_can_hold(const struct epilogue *epilogue)
{
	const struct application *a = epilogue->application;

	return epilogue->mark_count == 0 && (!a || application_block_size(a) <= APPLICATION_MAX);
}

/* Behind so many bytes; how many there are then. */
static size_t put_reading(struct closed *c, size_t at, const struct epilogue *epilogue)
{
	const struct application *a = epilogue->application;
	struct closed_reading *r;

	c->read = 0;
	if (!a)
		return at;
	c->read = (uint16_t)aligned(at);
	r = (struct closed_reading *)(c->behind + c->read);
	r->at = epilogue->application_at;
	application_block_write(a, r + 1);
	return c->read + sizeof(*r) + application_block_size(a);
}

const struct closed *closed_of(const struct flow *flow, const struct kept *kept,
			       const struct judge_end *end, struct closed_room *room)
{
	size_t rare = flow->rare ? sizeof(*flow->rare) : 0, size = kept_memory(kept);
	struct closed *c = (struct closed *)room->bytes;

	static_assert(sizeof(struct closed) + sizeof(struct flow_rare) + KEPT_MAX + 8 +
				      sizeof(struct closed_reading) + APPLICATION_MAX <=
			      CLOSED_MAX,
		      "any fits");
	static_assert(sizeof(struct flow_rare) % 8 == 0, "what is kept behind it is aligned");
	c->flow = *flow;
	c->until_ns = end->until_ns;
	c->two_msl_ns = end->two_msl_ns;
	c->stuck_ns = end->stuck_ns;
	c->reason = (uint8_t)end->reason;
	c->ladders = (uint8_t)end->ladders;
	c->has_rare = flow->rare != NULL;
	if (flow->rare)
		memcpy(c->behind, flow->rare, rare);
	memcpy(c->behind + rare, kept, size);
	c->size = (uint16_t)(sizeof(*c) + put_reading(c, rare + size, end->epilogue));
	return c;
}

size_t closed_size(const struct closed *c)
{
	return c->size;
}

void closed_judge(const struct closed *c, struct closed_bench *bench, struct verdict *out)
{
	static const struct losses no_losses;
	struct epilogue epilogue = {0};
	const struct judge_end end = {
		.reason = (enum end_reason)c->reason,
		.until_ns = c->until_ns,
		.two_msl_ns = c->two_msl_ns,
		.stuck_ns = c->stuck_ns,
		.ladders = (enum ladder_policy)c->ladders,
		.losses = &no_losses,
		.epilogue = &epilogue,
	};
	struct flow flow = c->flow;
	struct flow_rare rare;
	const uint8_t *kept = c->behind;

	flow.rare = NULL;
	if (c->has_rare) {
		memcpy(&rare, c->behind, sizeof(rare));
		flow.rare = &rare;
		kept += sizeof(rare);
	}
	if (c->read > 0) {
		const struct closed_reading *r = (const struct closed_reading *)(c->behind +
										 c->read);

		application_block_open((const struct application_block *)(r + 1),
				       &bench->application);
		epilogue.application = &bench->application;
		epilogue.application_at = r->at;
	}
	kept_open((const struct kept *)kept, &bench->regular);
	remember_expand(&flow, &bench->regular, &bench->connection, &bench->teardown);
	judge(&flow, &bench->connection, &end, &bench->room, out);
	out->number = flow.told;
}
