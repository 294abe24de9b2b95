/* The regular close, whose states follow from the times of the two FINs and their covering ACKs. */
#ifndef LASTACK_DB_REGULAR_H
#define LASTACK_DB_REGULAR_H

#include <stdbool.h>

#include "analyzer/verdict.h"

/* True where the view `teardowns` can work out every dwell, the entry into TIME_WAIT and the state
 * timeline of this verdict from its FINs' times: then none of them need be stored. */
bool verdict_is_regular(const struct verdict *verdict);

#endif
