#include "cli/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

/* A handler may touch nothing but lock-free atomics (C17, 5.1.2.3), hence the one mutable global. The
 * database's thread looks at it, too. */
static atomic_int noted;

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

/* The alarm repeats until the work has stopped: a signal that comes between the look at it and a read
 * that waits for input would else be seen only when input comes. */
static void note(int number)
{
	if (number != SIGALRM)
		noted = number;
	alarm(1);
}

/* Without SA_RESTART, so that a read that waits for standard input ends too. */
void signals_catch(void)
{
	struct sigaction again = {.sa_handler = note};

	sigemptyset(&again.sa_mask);
	sigaction(SIGALRM, &again, NULL);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
		struct sigaction before;

		sigemptyset(&action.sa_mask);
		if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
}

int signals_pending(void)
{
	return noted;
}

void signals_release(void)
{
	alarm(0);
	signal(SIGALRM, SIG_DFL);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		struct sigaction before;

		if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler == note)
			signal(caught[i], SIG_DFL);
	}
	if (noted)
		raise(noted);
}

void signals_ignore_file_limit(void)
{
	signal(SIGXFSZ, SIG_IGN);
}

void signals_default_pipe(void)
{
	sigset_t pipe;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &pipe, NULL);
}
