#include "monitor/front.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/analysis.h"
#include "monitor/capture.h"
#include "monitor/replay.h"
#include "monitor/restarts.h"
#include "monitor/rights.h"
#include "monitor/status.h"

#define SECOND_NS INT64_C(1000000000)
#define RETRY_NS  SECOND_NS

enum { TURN_MS = 100, START_WAIT_MS = 10000 };

struct capture_child {
	pid_t pid; /* 0: not running */
	bool over; /* a replay that has come to its end */
	bool opened;
	int64_t retry_ns; /* boot time of the next attempt */
};

struct front {
	const struct monitor_config *config;
	const struct front_hooks *hooks;
	struct board *board;
	struct ring *ring[MONITOR_INTERFACES];
	struct capture_child capture[MONITOR_INTERFACES];
	struct clock_axis axis;
	pid_t analysis; /* 0: not running */
	bool analysis_ready;
	struct restarts restarts;
	int wake, signals, control, status[2], interfaces; /* descriptors; -1: none */
	sigset_t before;
	int asked; /* the signal that asked to finish; 0: none */
	bool finishing, failed;
	int64_t up_next_ns;
	struct error failure; /* what a process told last */
	struct status_lines lines;
};

static void remark(struct front *f, const char *text)
{
	if (f->hooks->remark)
		f->hooks->remark(f->hooks->context, text);
}

static int64_t boot_ns(void)
{
	return clock_read().boot_ns;
}

/* ---- the other processes ---- */

static volatile bool capture_stop; /* the capture process's own, set by its handler */

static void note_stop(int number)
{
	(void)number;
	capture_stop = true;
}

/* In the child: what is the front's alone is closed, the terminal's signals are ignored, and nothing is printed
 * into its screen. name: in lists of processes, 15 characters at most. */
static void become_child(struct front *f, const char *name)
{
	static const int deaf[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	prctl(PR_SET_NAME, name);
	for (size_t i = 0; i < sizeof(deaf) / sizeof(deaf[0]); i++)
		signal(deaf[i], SIG_IGN);
	sigprocmask(SIG_SETMASK, &f->before, NULL);
	dup2(f->status[1], STDERR_FILENO);
	close(f->signals);
	close(f->status[0]);
	if (f->interfaces >= 0)
		close(f->interfaces);
	if (f->control >= 0)
		close(f->control);
	if (f->hooks->forked)
		f->hooks->forked(f->hooks->context);
}

static _Noreturn void run_capture(struct front *f, size_t index, pid_t parent)
{
	struct capture_setup setup = {
		.config = f->config,
		.index = index,
		.ring = f->ring[index],
		.axis = f->axis,
		.status = f->status[1],
	};
	struct sigaction stop = {.sa_handler = note_stop};

	become_child(f, "lastack-capture");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CAPTURE_FAILED);
	sigemptyset(&stop.sa_mask);
	sigaction(SIGTERM, &stop, NULL);
	_exit(capture_run(&setup, &capture_stop));
}

static bool start_capture(struct front *f, size_t index, struct error *err)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_capture(f, index, parent);
	if (pid < 0)
		return error_set(err, "no process for %s: %s", f->config->interface[index],
				 strerror(errno));
	f->capture[index].pid = pid;
	f->capture[index].opened = false;
	return true;
}

static _Noreturn void run_analysis(struct front *f, int control)
{
	struct analysis_setup setup = {
		.config = f->config,
		.rings = f->ring,
		.wake = f->wake,
		.board = f->board,
		.axis = f->axis,
		.control = control,
		.status = f->status[1],
		.again = f->restarts.count > 0,
	};

	become_child(f, "lastack-analyse");
	_exit(analysis_run(&setup));
}

static bool start_analysis(struct front *f, struct error *err)
{
	int control[2];
	pid_t pid;

	if (f->control >= 0)
		close(f->control);
	f->control = -1;
	if (pipe2(control, O_CLOEXEC) != 0)
		return error_set(err, "no pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(control[1]);
		run_analysis(f, control[0]);
	}
	close(control[0]);
	f->control = control[1];
	if (pid < 0)
		return error_set(err, "no process for the analysis: %s", strerror(errno));
	f->analysis = pid;
	f->analysis_ready = false;
	return true;
}

static void command(struct front *f, char letter)
{
	if (f->control >= 0)
		while (write(f->control, &letter, 1) < 0)
			break;
}

/* ---- what they tell ---- */

static void take_line(void *context, const char *line)
{
	static const char own_name[] = "lastack: ";
	struct front *f = context;

	switch (line[0]) {
	case STATUS_CAPTURE_READY:
		for (size_t i = 0; i < f->config->interface_count; i++)
			if (strcmp(line + 1, f->config->interface[i]) == 0 ||
			    replay_named(f->config->interface[i]))
				f->capture[i].opened = true;
		break;
	case STATUS_ANALYSIS_READY:
		f->analysis_ready = true;
		break;
	case STATUS_REMARK:
		remark(f, line + 1);
		break;
	case STATUS_FAILURE:
		error_set(&f->failure, "%s", line + 1);
		break;
	default: /* a library's own words, or of one that brings its own memory to nDPI */
		remark(f, strncmp(line, own_name, strlen(own_name)) == 0 ? line + strlen(own_name)
									 : line);
		break;
	}
}

static void take_status(struct front *f)
{
	status_read(&f->lines, f->status[0], take_line, f);
}

/* ---- their ends ---- */

static void capture_ended(struct front *f, size_t index, int status)
{
	struct capture_child *c = &f->capture[index];
	const char *name = f->config->interface[index];
	char text[1200], end[STATUS_END_SIZE];

	c->pid = 0;
	if (f->finishing || (WIFEXITED(status) && WEXITSTATUS(status) == CAPTURE_STOPPED)) {
		/* asked to stop: for good, or to be opened again at once */
		c->over = f->finishing || replay_named(name);
		if (f->finishing)
			atomic_store(&ring_board(f->ring[index])->ended, 1);
		return;
	}
	c->retry_ns = boot_ns() + RETRY_NS;
	atomic_store(&f->board->interfaces[index].up, 0);
	if (!c->opened) {
		if (f->analysis_ready)
			f->failure.text[0] = '\0'; /* tried again in silence */
		else if (f->failure.text[0] == '\0')
			error_set(&f->failure, "%s: capturing ended early %s", name,
				  status_end_text(status, f->failure.text, end));
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == CAPTURE_GONE)
		snprintf(text, sizeof(text),
			 "%s: the interface is gone; waiting for it to come back", name);
	else
		snprintf(text, sizeof(text), "%s: capturing ended %s; starting it anew", name,
			 status_end_text(status, f->failure.text, end));
	f->failure.text[0] = '\0';
	remark(f, text);
}

static void analysis_ended(struct front *f, int status)
{
	char text[1200], end[STATUS_END_SIZE];

	f->analysis = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (f->finishing || !f->analysis_ready || !restarts_allow(&f->restarts, boot_ns())) {
		f->failed = true;
		if (f->failure.text[0] == '\0')
			error_set(&f->failure, "the analysis ended early %s",
				  status_end_text(status, f->failure.text, end));
		return;
	}
	snprintf(text, sizeof(text),
		 "the analysis ended early %s; starting it anew, what it had not committed is lost",
		 status_end_text(status, f->failure.text, end));
	f->failure.text[0] = '\0';
	remark(f, text);
	if (!start_analysis(f, &f->failure))
		f->failed = true;
}

static void take_children(struct front *f)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		take_status(f); /* its last words */
		if (pid == f->analysis)
			analysis_ended(f, status);
		for (size_t i = 0; i < f->config->interface_count; i++)
			if (pid == f->capture[i].pid)
				capture_ended(f, i, status);
	}
}

/* ---- signals ---- */

static void signal_captures(struct front *f, int number)
{
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (f->capture[i].pid > 0)
			kill(f->capture[i].pid, number);
}

static void finish(struct front *f)
{
	if (f->finishing)
		return;
	f->finishing = true;
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (f->capture[i].pid == 0)
			atomic_store(&ring_board(f->ring[i])->ended, 1);
	signal_captures(f, SIGTERM);
	command(f, ANALYSIS_FINISH);
}

static _Noreturn void leave(struct front *f, int number)
{
	signal_captures(f, SIGKILL);
	if (f->analysis > 0)
		kill(f->analysis, SIGKILL);
	if (f->hooks->leaving)
		f->hooks->leaving(f->hooks->context);
	remark(f, "left at once; the last batch may be missing");
	sigprocmask(SIG_SETMASK, &f->before, NULL);
	signal(number, SIG_DFL);
	raise(number);
	_exit(128 + number);
}

static void take_signals(struct front *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info)) {
		int number = (int)info.ssi_signo;

		if (number == SIGCHLD)
			continue; /* looked at in every turn */
		if (number == SIGHUP) {
			if (!f->finishing) {
				signal_captures(f, SIGTERM);
				command(f, ANALYSIS_REOPEN);
			}
			continue;
		}
		if (f->asked != 0)
			leave(f, number);
		f->asked = number;
		finish(f);
	}
}

static bool catch_signals(struct front *f, struct error *err)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct sigaction now;

		/* what nohup has ignored stays so */
		if (sigaction(wanted[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN &&
		    wanted[i] != SIGCHLD)
			continue;
		sigaddset(&set, wanted[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &f->before);
	signal(SIGPIPE, SIG_IGN);
	f->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return f->signals >= 0 || error_set(err, "no signalfd: %s", strerror(errno));
}

/* ---- interfaces ---- */

static bool is_there(const char *name)
{
	return strcmp(name, "any") == 0 || replay_named(name) || if_nametoindex(name) != 0;
}

static void restart_captures(struct front *f)
{
	int64_t now_ns = boot_ns();

	for (size_t i = 0; i < f->config->interface_count; i++) {
		struct capture_child *c = &f->capture[i];
		struct error err;

		if (c->pid != 0 || c->over || now_ns < c->retry_ns)
			continue;
		c->retry_ns = now_ns + RETRY_NS;
		if (is_there(f->config->interface[i]) && start_capture(f, i, &err))
			atomic_fetch_add(&f->board->interfaces[i].reopened, 1);
	}
}

static bool is_up(const struct front *f, const char *name)
{
	struct ifreq request = {0};

	if (strcmp(name, "any") == 0 || replay_named(name))
		return true;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return ioctl(f->interfaces, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP);
}

static void look_at_interfaces(struct front *f)
{
	int64_t now_ns = boot_ns();

	if (now_ns < f->up_next_ns)
		return;
	f->up_next_ns = now_ns + SECOND_NS;
	for (size_t i = 0; i < f->config->interface_count; i++)
		atomic_store(&f->board->interfaces[i].up,
			     f->capture[i].pid > 0 && is_up(f, f->config->interface[i]));
}

/* ---- the run ---- */

static bool all_over(const struct front *f)
{
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (!f->capture[i].over || f->capture[i].pid > 0)
			return false;
	return true;
}

/* One wait and what it brought. False: the user wants to leave. */
static bool turn(struct front *f, bool hooked)
{
	struct pollfd fds[2 + FRONT_FDS] = {{.fd = f->signals, .events = POLLIN},
					    {.fd = f->status[0], .events = POLLIN}};
	const struct front_hooks *hooks = f->hooks;
	int count = 0;

	if (hooked && hooks->wait_for)
		count = hooks->wait_for(hooks->context, fds + 2, FRONT_FDS);
	poll(fds, (nfds_t)(2 + count), TURN_MS);
	take_status(f);
	take_signals(f);
	take_children(f);
	return !hooked || !hooks->turn || hooks->turn(hooks->context, fds + 2, count);
}

static bool all_open(const struct front *f)
{
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (!f->capture[i].opened)
			return false;
	return true;
}

/* A child that ends before it is ready has told why. */
static bool lost_one(const struct front *f)
{
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (f->capture[i].pid == 0 && !f->capture[i].opened)
			return true;
	return false;
}

static bool wait_open(struct front *f, struct error *err)
{
	int64_t until_ns = boot_ns() + START_WAIT_MS * INT64_C(1000000);

	while (!all_open(f)) {
		if (lost_one(f) || f->asked != 0 || boot_ns() > until_ns)
			return error_set(err, "%s",
					 f->failure.text[0] ? f->failure.text
							    : "the interfaces could not be opened");
		turn(f, false);
	}
	return true;
}

static bool wait_ready(struct front *f, struct error *err)
{
	while (!f->analysis_ready) {
		if (f->analysis == 0)
			return error_set(err, "%s", f->failure.text);
		turn(f, false);
	}
	return true;
}

static bool start(struct front *f, struct error *err)
{
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (!start_capture(f, i, err))
			return false;
	if (!wait_open(f, err) || !rights_front(f->config, err) || !start_analysis(f, err) ||
	    !wait_ready(f, err))
		return false;
	look_at_interfaces(f);
	if (f->hooks->ready && !f->hooks->ready(f->hooks->context, err))
		return false;
	rights_front_settle(f->config);
	return true;
}

static bool go_on(struct front *f, struct error *err)
{
	while (f->analysis != 0) {
		if (!turn(f, true))
			finish(f);
		if (f->failed)
			break;
		if (!f->finishing) {
			restart_captures(f);
			look_at_interfaces(f);
		}
		if (all_over(f))
			finish(f);
	}
	return !f->failed || error_set(err, "%s", f->failure.text);
}

static void stop_all(struct front *f)
{
	signal_captures(f, SIGKILL);
	if (f->analysis > 0)
		kill(f->analysis, SIGKILL);
	for (size_t i = 0; i < f->config->interface_count; i++)
		if (f->capture[i].pid > 0)
			waitpid(f->capture[i].pid, NULL, 0);
	if (f->analysis > 0)
		waitpid(f->analysis, NULL, 0);
}

static bool set_up(struct front *f, struct error *err)
{
	struct clock_pair now = clock_read();

	if (!rights_check(f->config, err))
		return false;
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->interfaces = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->wake < 0 || pipe2(f->status, O_CLOEXEC) != 0)
		return error_set(err, "no pipe: %s", strerror(errno));
	fcntl(f->status[0], F_SETFL, O_NONBLOCK);
	f->board->started_ns = now.real_ns;
	f->board->interface_count = (uint32_t)f->config->interface_count;
	for (size_t i = 0; i < f->config->interface_count; i++) {
		const char *name = f->config->interface[i];

		snprintf(f->board->interfaces[i].name, BOARD_INTERFACE_NAME, "%.15s", name);
		if (replay_named(name) && !replay_start(name, &now, err))
			return false;
		f->ring[i] = ring_new(f->config->buffer, f->wake, err);
		if (!f->ring[i])
			return false;
	}
	f->axis = clock_start(now);
	return catch_signals(f, err);
}

static void tear_down(struct front *f)
{
	const int fds[] = {f->wake,      f->signals,   f->control,
			   f->status[0], f->status[1], f->interfaces};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < MONITOR_INTERFACES; i++)
		ring_free(f->ring[i]);
	if (f->signals >= 0)
		sigprocmask(SIG_SETMASK, &f->before, NULL);
}

bool front_run(const struct monitor_config *config, struct board *board,
	       const struct front_hooks *hooks, struct error *err)
{
	struct front f = {
		.config = config,
		.hooks = hooks,
		.board = board,
		.wake = -1,
		.signals = -1,
		.control = -1,
		.status = {-1, -1},
		.interfaces = -1,
	};
	bool ok = set_up(&f, err) && start(&f, err) && go_on(&f, err);

	stop_all(&f);
	tear_down(&f);
	return ok;
}
