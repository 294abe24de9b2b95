/* What each process of a live run keeps of its rights (docs/monitor.md has the table).
 *
 * Where any of these is false, err says why and the process must not go on. With --no-sandbox nothing is given up but
 * root, and that only where a user is named. */
#ifndef LASTACK_MONITOR_RIGHTS_H
#define LASTACK_MONITOR_RIGHTS_H

#include <stdbool.h>

#include "base/error.h"
#include "monitor/config.h"

/* Before anything else: is there such a user? */
bool rights_check(const struct monitor_config *config, struct error *err);

/* The first process, once all interfaces are open, before it starts threads and the analysis: becomes the user, and
 * keeps the capability to open interfaces again. */
bool rights_front(const struct monitor_config *config, struct error *err);
/* The same, once it has opened what it serves. */
void rights_front_settle(const struct monitor_config *config);

/* A capture process whose socket is open. */
bool rights_capture(const struct monitor_config *config, const char *interface, struct error *err);

/* The analysis, before it opens the database. */
bool rights_analysis(const struct monitor_config *config, struct error *err);

#endif
