/* A reader that wants every byte and does nothing with it: streams are put together to their ends, for
 * the findings that this makes (analyzer/streams.h). */
#ifndef LASTACK_STREAMS_READ_ALL_H
#define LASTACK_STREAMS_READ_ALL_H

#include "analyzer/consumer.h"

struct consumer read_all_consumer(void);

#endif
