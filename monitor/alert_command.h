/* Runs --alert-command for alerts: the program itself, no shell, the values in its environment.
 *
 * At most ALERT_COMMANDS run at once, what comes beyond is not run and counted; each is killed, with what it
 * started, after its time. The caller ticks and may wait for other children, too. */
#ifndef LASTACK_MONITOR_ALERT_COMMAND_H
#define LASTACK_MONITOR_ALERT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "monitor/alert.h"
#include "monitor/board.h"

enum { ALERT_COMMANDS = 8 };

struct alert_commands {
	const char *path;
	int64_t limit_ns;
	bool quiet; /* its output is thrown away; else it goes to standard error */
	struct {
		pid_t pid; /* 0: free */
		int64_t started_ns;
	} running[ALERT_COMMANDS];
	uint64_t skipped, failed; /* not run; ended by a signal or not with 0 */
};

/* False with err where path cannot be executed: better told at the start than at the first alert. */
bool alert_commands_open(struct alert_commands *commands, const char *path, int64_t limit_ns,
			 bool quiet, struct error *err);
/* Starts the command for an alert's event. condition: of this event; now_ns: a clock that is not set.
 * False with err: it was not started. */
bool alert_commands_run(struct alert_commands *commands, const struct alert_condition *condition,
			const struct board_event *event, int64_t now_ns, struct error *err);
/* Reaps those that ended and kills those that took too long. */
void alert_commands_tick(struct alert_commands *commands, int64_t now_ns);
/* Waits for those that run, at most so long; then kills and reaps them. */
void alert_commands_close(struct alert_commands *commands, int64_t patience_ns);

/* The values, "LASTACK_ALERT_STATE=began" and so on, over the environment as it is; NULL-terminated, to
 * be freed at once by alert_environment_free. NULL: no memory. */
char **alert_environment(const struct alert_condition *condition, const struct board_event *event);
void alert_environment_free(char **environment);

#endif
