/* What must hold of every verdict, and whether two verdicts are the same. */
#ifndef LASTACK_TESTS_VERDICT_CHECKS_H
#define LASTACK_TESTS_VERDICT_CHECKS_H

#include "analyzer/ladder.h"
#include "tests/engine_scene.h"

/* The first rule that a verdict breaks, as text; NULL: none. span: no two sequence numbers of a
 * direction are farther apart. */
const char *verdict_fault(const struct told *told, uint64_t span);

/* The first field in which they differ, as text; NULL: none. Details of findings are not looked at,
 * nor is Zeek's view of midstream connections, where it is another one for each end. */
const char *verdict_difference(const struct told *x, const struct told *y);

#endif
