#include "monitor/alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db/address.h"
#include "monitor/snapshot.h"
#include "report/format.h"

extern char **environ;

enum { VALUES = 13 };

#define PREFIX "LASTACK_ALERT_"
#define NAP_NS INT64_C(20000000)

bool alert_commands_open(struct alert_commands *commands, const char *path, int64_t limit_ns,
			 bool quiet, struct error *err)
{
	*commands = (struct alert_commands){.path = path, .limit_ns = limit_ns, .quiet = quiet};
	return access(path, X_OK) == 0 ||
	       error_set(err, "the alert command %s cannot be run: %s", path, strerror(errno));
}

/* A list that grows up to its room. */
struct values {
	char **list;
	size_t count;
	bool failed;
};

static void add(struct values *values, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Control characters would reach whatever the command prints to. */
static void add(struct values *values, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (!text) {
		values->failed = true;
		return;
	}
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	values->list[values->count++] = text;
}

static void add_end(struct values *values, const char *name, const struct board_end *end)
{
	char address[ADDRESS_TEXT_MAX];

	if (end->ip_version == 0)
		return;
	address_text(&end->address, end->ip_version, address);
	add(values, PREFIX "%s_IP=%s", name, address);
	add(values, PREFIX "%s_PORT=%u", name, end->port);
}

static void add_values(struct values *values, const struct alert_condition *condition,
		       const struct board_event *event)
{
	char time[FORMAT_SIZE];

	add(values, PREFIX "CONDITION=%s", condition->text);
	add(values, PREFIX "STATE=%s", alert_state_name(event->alert_state));
	add(values, PREFIX "TIME=%s", format_time(time, event->ts_ns));
	add(values, PREFIX "VALUE=%.6g",
	    alert_value(condition, event->alert_matching, event->alert_connections));
	add(values, PREFIX "LIMIT=%.6g", condition->limit);
	add(values, PREFIX "MATCHING=%" PRIu64, event->alert_matching);
	add(values, PREFIX "CONNECTIONS=%" PRIu64, event->alert_connections);
	add(values, PREFIX "WINDOW_SECONDS=%.6g", (double)condition->window_ns / 1e9);
	add(values, PREFIX "DETAIL=%s", event->detail);
	add_end(values, "INITIATOR", &event->initiator);
	add_end(values, "RESPONDER", &event->responder);
}

char **alert_environment(const struct alert_condition *condition, const struct board_event *event)
{
	struct values values = {NULL, 0, false};
	size_t inherited = 0;

	while (environ[inherited])
		inherited++;
	values.list = calloc(inherited + VALUES + 1, sizeof(*values.list));
	if (!values.list)
		return NULL;
	for (size_t i = 0; i < inherited; i++) {
		char *copy;

		if (strncmp(environ[i], PREFIX, strlen(PREFIX)) == 0)
			continue;
		copy = strdup(environ[i]);
		if (copy)
			values.list[values.count++] = copy;
		else
			values.failed = true;
	}
	add_values(&values, condition, event);
	if (values.failed) {
		alert_environment_free(values.list);
		return NULL;
	}
	return values.list;
}

void alert_environment_free(char **environment)
{
	for (size_t i = 0; environment && environment[i]; i++)
		free(environment[i]);
	free(environment);
}

/* What it reads and where it prints to. */
static int add_files(posix_spawn_file_actions_t *files, bool quiet)
{
	int result = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY,
						      0);

	if (result == 0 && quiet)
		result = posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null",
							  O_WRONLY, 0);
	if (result == 0)
		result = posix_spawn_file_actions_adddup2(files, STDERR_FILENO, STDOUT_FILENO);
	return result;
}

/* Its own process group, so that all of it can be killed; signals as a program expects them. */
static int start(const struct alert_commands *commands, char **environment, pid_t *pid)
{
	char *const arguments[] = {strdup(commands->path), NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int result = ENOMEM;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawn_file_actions_init(&files);
	if (arguments[0])
		result = add_files(&files, commands->quiet);
	if (result == 0)
		result = posix_spawn(pid, commands->path, &files, &attributes, arguments,
				     environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	free(arguments[0]);
	return result;
}

bool alert_commands_run(struct alert_commands *commands, const struct alert_condition *condition,
			const struct board_event *event, int64_t now_ns, struct error *err)
{
	char **environment;
	size_t at = 0;
	int result;

	alert_commands_tick(commands, now_ns);
	while (at < ALERT_COMMANDS && commands->running[at].pid != 0)
		at++;
	if (at == ALERT_COMMANDS) {
		commands->skipped++;
		return error_set(err, "%d alert commands run already: one was left out",
				 ALERT_COMMANDS);
	}
	environment = alert_environment(condition, event);
	result = environment ? start(commands, environment, &commands->running[at].pid) : ENOMEM;
	alert_environment_free(environment);
	if (result != 0) {
		commands->running[at].pid = 0;
		commands->failed++;
		return error_set(err, "the alert command %s cannot be run: %s", commands->path,
				 strerror(result));
	}
	commands->running[at].started_ns = now_ns;
	return true;
}

void alert_commands_tick(struct alert_commands *commands, int64_t now_ns)
{
	for (size_t i = 0; i < ALERT_COMMANDS; i++) {
		pid_t pid = commands->running[i].pid;
		int status = 0;
		pid_t ended = pid ? waitpid(pid, &status, WNOHANG) : 0;

		if (pid == 0)
			continue;
		if (ended == pid || (ended < 0 && errno == ECHILD)) {
			commands->running[i].pid = 0;
			commands->failed += status != 0;
		} else if (now_ns - commands->running[i].started_ns >= commands->limit_ns) {
			kill(-pid, SIGKILL);
		}
	}
}

/* Until all have ended or the time is over. */
static void wait_for_all(struct alert_commands *commands, int64_t patience_ns)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	bool running = true;

	for (int64_t waited = 0; running && waited < patience_ns; waited += NAP_NS) {
		alert_commands_tick(commands, 0); /* no limit is reached */
		running = false;
		for (size_t i = 0; i < ALERT_COMMANDS; i++)
			running |= commands->running[i].pid != 0;
		if (running)
			nanosleep(&nap, NULL);
	}
}

void alert_commands_close(struct alert_commands *commands, int64_t patience_ns)
{
	wait_for_all(commands, patience_ns);
	for (size_t i = 0; i < ALERT_COMMANDS; i++) {
		pid_t pid = commands->running[i].pid;

		if (pid == 0)
			continue;
		kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		commands->running[i].pid = 0;
	}
}
