/* Ending by a signal without losing the database: the work stops at the next look, is rolled back,
 * and then the program dies by that signal, as its caller expects. */
#ifndef LASTACK_CLI_SIGNALS_H
#define LASTACK_CLI_SIGNALS_H

/* From now on SIGINT, SIGTERM and SIGHUP are only noted, once: a second one ends the program at
 * once. Signals that were ignored at the start stay ignored. */
void signals_catch(void);

/* The signal noted, or 0. */
int signals_pending(void);

/* Back to the default actions; what was noted before is then acted upon. */
void signals_release(void);

/* A file that would grow beyond the limit of the system is an error of the write, no signal. */
void signals_ignore_file_limit(void);

/* A closed output pipe ends the program silently, whatever its parent did with SIGPIPE. */
void signals_default_pipe(void);

#endif
