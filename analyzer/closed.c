#include "analyzer/closed.h"

#include <assert.h>
#include <string.h>

#include "analyzer/application_block.h"
#include "analyzer/remember.h"

/* Behind it the flow's rare part, where it has one, then what is kept, and then the application, if any. */
struct closed {
	struct flow flow;
	struct moment application_at;
	int64_t until_ns, two_msl_ns, stuck_ns;
	uint32_t size;        /* of all */
	uint32_t application; /* where it begins, in behind; 0: there is none */
	uint8_t reason, ladders;
	bool has_rare;
	_Alignas(8) uint8_t behind[];
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

/* Where the next one begins. */
static size_t put_application(struct closed *c, size_t at, const struct epilogue *epilogue)
{
	const struct application *a = epilogue->application;

	c->application = 0;
	if (!a)
		return at;
	c->application_at = epilogue->application_at;
	c->application = (uint32_t)aligned(at);
	application_block_write(a, c->behind + c->application);
	return c->application + application_block_size(a);
}

const struct closed *closed_of(const struct flow *flow, const struct kept *kept,
			       const struct judge_end *end, struct closed_room *room)
{
	size_t rare = flow->rare ? sizeof(*flow->rare) : 0, size = kept_memory(kept);
	struct closed *c = (struct closed *)room->bytes;

	static_assert(sizeof(struct closed) + sizeof(struct flow_rare) + KEPT_MAX + 8 +
				      APPLICATION_MAX <=
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
	c->size = (uint32_t)(sizeof(*c) + put_application(c, rare + size, end->epilogue));
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
	if (c->application > 0) {
		application_block_open(
			(const struct application_block *)(c->behind + c->application),
			&bench->application);
		epilogue.application = &bench->application;
		epilogue.application_at = c->application_at;
	}
	kept_open((const struct kept *)kept, &bench->regular);
	remember_expand(&flow, &bench->regular, &bench->connection, &bench->teardown);
	judge(&flow, &bench->connection, &end, &bench->room, out);
	out->number = flow.told;
}
