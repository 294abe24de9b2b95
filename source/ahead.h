/* A stream read, and unpacked, in a thread of its own, some blocks ahead of who uses it.
 *
 * Blocks lie in a ring of slots. The one taken last is the caller's until it gives it back; in front of a
 * block's bytes there is room that is the caller's, too, for what is left over of the block before. */
#ifndef LASTACK_SOURCE_AHEAD_H
#define LASTACK_SOURCE_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/unpack.h"

struct ahead;

/* At least one byte into out, or 0 with *end, and the reason in err where it is BYTES_DAMAGED. Called in the
 * thread alone, and not again after 0. */
typedef size_t ahead_read(void *context, uint8_t *out, size_t room, enum bytes_end *end,
			  struct error *err);

/* context stays the caller's, and is the thread's up to ahead_stop(). block: bytes of a block; front: bytes of
 * room in front. NULL: no memory or no thread. Signals do not come to the thread. */
struct ahead *ahead_start(ahead_read *read, void *context, size_t block, size_t front);

/* The next block: its bytes at the return value, their number in *count. NULL at the end, with *end and err as the
 * read function has it; also where a signal interrupts the waiting, as it would a read(2). */
uint8_t *ahead_take(struct ahead *ahead, size_t *count, enum bytes_end *end, struct error *err);
/* The block taken last is used up. */
void ahead_give_back(struct ahead *ahead);
/* Waits for the read that is under way. NULL is fine. */
void ahead_stop(struct ahead *ahead);

#endif
