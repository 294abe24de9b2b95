#include "cli/run_setup.h"

#include <sys/random.h>

/* A key of its own for each run, so that nobody can aim at the hash tables. */
static bool choose_hash_key(uint64_t seed, uint8_t key[16], struct error *err)
{
	if (seed == HASH_SEED_RANDOM)
		return getrandom(key, 16, 0) == 16 ||
		       error_set(err, "the system gives no random numbers; try --hash-seed 1");
	for (size_t i = 0; i < 16; i++)
		key[i] = (uint8_t)(seed >> (8 * (i % 8)));
	return true;
}

bool run_engine(const struct analyze_options *options, struct engine_config *config,
		struct error *err)
{
	struct engine_config engine = engine_defaults();

	engine.msl_ns = options->msl_ns;
	engine.idle_timeout_ns = options->idle_timeout_ns;
	engine.stuck_ns = options->stuck_ns;
	engine.max_flows = options->max_flows;
	engine.max_memory = options->max_memory;
	engine.stream_memory = options->stream_memory;
	engine.overlap = (enum overlap_policy)options->overlap;
	engine.keep_duplicates = options->keep_duplicates;
	engine.ladders = (enum ladder_policy)options->ladders;
	*config = engine;
	return choose_hash_key(options->hash_seed, config->hash_key, err);
}

struct recording run_recording(const struct analyze_options *options, bool replace)
{
	return (struct recording){
		.filter = options->filter,
		.joined = options->join,
		.replace = replace,
		.msl_ns = options->msl_ns,
		.idle_timeout_ns = options->idle_timeout_ns,
		.stuck_ns = options->stuck_ns,
		.keep_duplicates = options->keep_duplicates,
		.verify_checksums = options->verify_checksums,
	};
}
