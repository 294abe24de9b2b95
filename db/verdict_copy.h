/* A verdict in one piece of memory, with all it points to. */
#ifndef LASTACK_DB_VERDICT_COPY_H
#define LASTACK_DB_VERDICT_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/verdict.h"

/* Bytes of the copy, a multiple of the strictest alignment. */
size_t verdict_copy_size(const struct verdict *verdict);
/* Copies to memory of that size and alignment, and returns it. Names of risks are nDPI's own and stay. */
struct verdict *verdict_copy(void *to, const struct verdict *verdict);
/* The same, all times by_ns later. */
struct verdict *verdict_copy_shifted(void *to, const struct verdict *verdict, int64_t by_ns);

#endif
