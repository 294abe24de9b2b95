/* From what was asked for to what a run is done with. */
#ifndef LASTACK_CLI_RUN_SETUP_H
#define LASTACK_CLI_RUN_SETUP_H

#include <stdbool.h>

#include "analyzer/engine.h"
#include "base/error.h"
#include "cli/analyze_options.h"
#include "db/store.h"

/* The hash key is random, unless a seed is given. */
bool run_engine(const struct analyze_options *options, struct engine_config *config,
		struct error *err);
/* All but its feed. */
struct recording run_recording(const struct analyze_options *options, bool replace);

#endif
