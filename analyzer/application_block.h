/* What nDPI makes of a connection (struct application) as one block without pointers that are followed, so that
 * memcpy copies it. The names of risks are nDPI's own and stay: of them the block holds the addresses. */
#ifndef LASTACK_ANALYZER_APPLICATION_BLOCK_H
#define LASTACK_ANALYZER_APPLICATION_BLOCK_H

#include <stddef.h>

#include "analyzer/verdict.h"

struct application_block; /* aligned as a pointer */

size_t application_block_size(const struct application *application);
/* Writes application_block_size() bytes to where. */
void application_block_write(const struct application *application, void *where);
/* *application points into the block. */
void application_block_open(const struct application_block *block, struct application *application);

#endif
