/* Verdicts on their way to the database, written by a thread of its own, and connections whose verdict is to
 * be found there first (closed.h).
 *
 * The engine's thread copies them into a batch and hands over whole batches; a few of them may wait,
 * then it waits. Nothing else is shared: from writer_start() to writer_finish() or writer_abandon() the
 * database belongs to the writer. */
#ifndef LASTACK_DB_WRITER_H
#define LASTACK_DB_WRITER_H

#include <stdbool.h>

#include "analyzer/closed.h"
#include "analyzer/verdict.h"
#include "base/error.h"

struct writer;

/* Called in the writer's thread; false with err stops the writing. */
typedef bool writer_write(void *context, const struct verdict *verdict, struct error *err);

/* NULL with err without memory or thread. */
struct writer *writer_start(writer_write *write, void *context, struct error *err);
/* Copies the verdict. False with err where an earlier one could not be written. */
bool writer_put(struct writer *writer, const struct verdict *verdict, struct error *err);
/* The same of one that the writer's thread judges. */
bool writer_put_closed(struct writer *writer, const struct closed *closed, struct error *err);
/* Writes what is left and ends the thread. Frees the writer in any case. */
bool writer_finish(struct writer *writer, struct error *err);
/* Ends the thread, whatever is left. NULL is fine. */
void writer_abandon(struct writer *writer);

#endif
