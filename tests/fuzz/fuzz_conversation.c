/* Reassembly: two TCPs over a link and a tap that lose, reorder and repeat, held against a byte map.
 *
 * One byte chooses the mode; then four bytes a step take the place of chance (tests/stream_runs.h). */
#include "tests/fuzz/fuzz.h"
#include "tests/stream_runs.h"

static bool decide(void *context, uint32_t *random)
{
	struct choices *c = context;
	uint32_t chosen = choose_u32(c);

	*random = chosen ? chosen : 1;
	return c->left > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	struct choices c = {data, size};
	size_t index = choose_u8(&c) % run_modes();
	struct link_mode mode = run_mode(index);

	setenv("CMOCKA_TEST_ABORT", "1", 1);
	if (mode.conversations > 5) /* each takes most of a megabyte */
		mode.conversations = 5;
	r = (struct run){.mode = &mode,
			 .name = run_mode_name(index),
			 .seed = size > 0 ? data[0] / (uint32_t)run_modes() + 1 : 1,
			 .telling = getenv("FUZZ_TELL") != NULL,
			 .decide = decide,
			 .context = &c};
	run_play(&r);
	return 0;
}
