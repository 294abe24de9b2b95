/* Children enter each profile and try what it forbids and what it must leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/sandbox.h"

/* Two folders, of which one is allowed, and descriptors that were open before. */
struct place {
	char inside[64], outside[64]; /* folders */
	int packets[2];               /* a socket pair: what a capture process reads from */
	int tcp;                      /* not connected */
};

static const char *in(const char *folder, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* An attempt gives 0 where it was let through, else errno. */
typedef int attempt(const struct place *place);

static int outcome(long result)
{
	return result >= 0 ? 0 : errno;
}

static int open_and_close(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return outcome(fd);
}

static int new_socket(const struct place *place)
{
	(void)place;
	return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

static int new_unix_socket(const struct place *place)
{
	(void)place;
	return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int connect_open_socket(const struct place *place)
{
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9)};
	int error;

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	error = outcome(connect(place->tcp, (const struct sockaddr *)&nobody, sizeof(nobody)));
	return error == ECONNREFUSED ? 0 : error; /* nobody listens: it was let through */
}

static int send_by_open_socket(const struct place *place)
{
	return outcome(send(place->packets[1], "x", 1, MSG_DONTWAIT));
}

static int receive_by_open_socket(const struct place *place)
{
	char byte;

	return outcome(recv(place->packets[0], &byte, 1, MSG_DONTWAIT));
}

static int run_program(const struct place *place)
{
	char *words[] = {(char[]){"true"}, NULL};

	(void)place;
	execv("/bin/true", words); /* which ends with 0 */
	return errno;
}

static int start_process(const struct place *place)
{
	pid_t pid = fork();

	(void)place;
	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

static void *do_nothing(void *context)
{
	return context;
}

static int start_thread(const struct place *place)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, do_nothing, NULL);

	(void)place;
	return error ? error : pthread_join(thread, NULL);
}

static int read_inside(const struct place *place)
{
	return open_and_close(in(place->inside, "old"), O_RDONLY);
}

static int write_inside(const struct place *place)
{
	return open_and_close(in(place->inside, "new"), O_RDWR | O_CREAT | O_TRUNC);
}

static int rename_inside(const struct place *place)
{
	char from[128];

	snprintf(from, sizeof(from), "%s", in(place->inside, "old"));
	return outcome(rename(from, in(place->inside, "older")));
}

static int remove_inside(const struct place *place)
{
	return outcome(unlink(in(place->inside, "old")));
}

static int read_outside(const struct place *place)
{
	return open_and_close(in(place->outside, "old"), O_RDONLY);
}

static int read_by_link(const struct place *place)
{
	return open_and_close(in(place->inside, "link"), O_RDONLY); /* leads outside */
}

static int write_outside(const struct place *place)
{
	return open_and_close(in(place->outside, "new"), O_WRONLY | O_CREAT);
}

static int remove_outside(const struct place *place)
{
	return outcome(unlink(in(place->outside, "old")));
}

static int change_mode_outside(const struct place *place)
{
	return outcome(chmod(in(place->outside, "old"), 0666));
}

static int make_link(const struct place *place)
{
	return outcome(symlink("old", in(place->inside, "link2")));
}

static int read_passwords(const struct place *place)
{
	(void)place;
	return open_and_close("/etc/passwd", O_RDONLY);
}

static int look_at_memory(const struct place *place)
{
	(void)place;
	return open_and_close("/proc/self/mem", O_RDWR);
}

static int map_executable(const struct place *place)
{
	(void)place;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int make_executable(const struct place *place)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)place;
	return outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int trace_parent(const struct place *place)
{
	int error = outcome(ptrace(PTRACE_PEEKDATA, getppid(), NULL, NULL));

	(void)place;
	return error == ESRCH ? 0 : error; /* it is not traced: it was let through */
}

static int signal_parent(const struct place *place)
{
	(void)place;
	return outcome(kill(getppid(), 0));
}

static int signal_itself(const struct place *place)
{
	(void)place;
	signal(SIGUSR1, SIG_IGN);
	return outcome(raise(SIGUSR1));
}

static int new_namespace(const struct place *place)
{
	(void)place;
	return outcome(unshare(0));
}

static int set_limit(const struct place *place)
{
	struct rlimit none = {0, 0};

	(void)place;
	return outcome(setrlimit(RLIMIT_CORE, &none));
}

static int ask_limit(const struct place *place)
{
	struct rlimit limit;

	(void)place;
	return outcome(getrlimit(RLIMIT_NOFILE, &limit));
}

static int file_in_memory(const struct place *place)
{
	(void)place;
	return outcome(memfd_create("code", 0));
}

static int become_somebody(const struct place *place)
{
	(void)place;
	return outcome(setuid(getuid()));
}

static int type_into_terminal(const struct place *place)
{
	int error = outcome(ioctl(place->tcp, TIOCSTI, "x"));

	return error == ENOTTY || error == EIO ? 0 : error; /* it was let through */
}

#define BIT(profile) (1U << (profile))

/* Profiles that let a thing through. */
enum {
	NOBODY = 0,
	FRONTS = BIT(SANDBOX_FRONT) | BIT(SANDBOX_FRONT_QUIET),
	DATABASES = BIT(SANDBOX_FILES) | BIT(SANDBOX_ANALYSIS),
	READERS = DATABASES | BIT(SANDBOX_CAPTURE),
	ALL = READERS | FRONTS,
};

static const struct {
	const char *what;
	attempt *try;
	unsigned let_through;
} attempts[] = {
	{"a new socket", new_socket, FRONTS},
	{"a new Unix socket", new_unix_socket, FRONTS},
	{"connecting an open socket", connect_open_socket, FRONTS},
	{"sending by an open socket", send_by_open_socket, FRONTS},
	{"receiving by an open socket", receive_by_open_socket, FRONTS | BIT(SANDBOX_CAPTURE)},
	{"running a program", run_program, BIT(SANDBOX_FRONT)},
	{"starting a process", start_process, FRONTS},
	{"starting a thread", start_thread, ALL},
	{"reading an allowed file", read_inside, ALL},
	{"writing an allowed file", write_inside, FRONTS | DATABASES},
	{"renaming an allowed file", rename_inside, FRONTS | DATABASES},
	{"removing an allowed file", remove_inside, FRONTS | DATABASES},
	{"reading another file", read_outside, FRONTS},
	{"reading another file by a link", read_by_link, FRONTS},
	{"writing another file", write_outside, FRONTS},
	{"removing another file", remove_outside, FRONTS},
	{"changing another file's mode", change_mode_outside, FRONTS},
	{"making a link", make_link, FRONTS},
	{"reading /etc/passwd", read_passwords, FRONTS},
	{"opening its own memory", look_at_memory, FRONTS},
	{"mapping executable memory", map_executable, FRONTS},
	{"making memory executable", make_executable, FRONTS},
	{"tracing its parent", trace_parent, NOBODY},
	{"signalling its parent", signal_parent, FRONTS},
	{"signalling itself", signal_itself, ALL},
	{"a new namespace", new_namespace, NOBODY},
	{"setting a limit", set_limit, FRONTS},
	{"asking for a limit", ask_limit, ALL},
	{"a file in memory", file_in_memory, FRONTS},
	{"changing the user", become_somebody, FRONTS},
	{"typing into a terminal", type_into_terminal, NOBODY},
};

enum { ATTEMPTS = sizeof(attempts) / sizeof(attempts[0]), NO_SANDBOX = -1, NOT_WHOLE = 250 };

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void place_make(struct place *place)
{
	char target[128];

	strcpy(place->inside, "/tmp/test_sandbox.XXXXXX");
	strcpy(place->outside, "/tmp/test_sandbox.XXXXXX");
	assert_non_null(mkdtemp(place->inside));
	assert_non_null(mkdtemp(place->outside));
	touch(in(place->inside, "old"));
	touch(in(place->outside, "old"));
	snprintf(target, sizeof(target), "%s", in(place->outside, "old"));
	assert_int_equal(symlink(target, in(place->inside, "link")), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, place->packets), 0);
	assert_int_equal(write(place->packets[1], "y", 1), 1);
	place->tcp = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(place->tcp >= 0);
}

static void place_clear(struct place *place)
{
	static const char *const names[] = {"old", "older", "new", "link", "link2"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(in(place->inside, names[i]));
		unlink(in(place->outside, names[i]));
	}
	rmdir(place->inside);
	rmdir(place->outside);
	close(place->packets[0]);
	close(place->packets[1]);
	close(place->tcp);
}

static void enter(const struct place *place, int profile)
{
	struct sandbox sandbox = sandbox_new((enum sandbox_profile)profile);
	bool fronts = (FRONTS & BIT(profile)) != 0;
	struct sandbox_walls walls;

	sandbox_allow_folder(&sandbox, place->inside);
	walls = sandbox_enter(&sandbox);
	if (!walls.no_new_privs || !walls.calls || walls.files == fronts)
		_exit(NOT_WHOLE);
}

/* 0: let through; else the error, or the signal that ended the child plus 1000. */
static int try_it(size_t which, int profile)
{
	struct place place;
	int status;
	pid_t pid;

	place_make(&place);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (profile != NO_SANDBOX)
			enter(&place, profile);
		_exit(attempts[which].try(&place));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	place_clear(&place);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Each attempt comes through where there is no sandbox: what stops it below is the sandbox. */
static void test_without(void **state)
{
	(void)state;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		int result = try_it(i, NO_SANDBOX);

		/* newer kernels let nobody type into terminals; tracing may be forbidden */
		if (result != 0 && attempts[i].let_through != NOBODY)
			fail_msg("%s: fails anyway (%d)", attempts[i].what, result);
	}
}

static void check_profile(int profile)
{
	for (size_t i = 0; i < ATTEMPTS; i++) {
		bool wanted = (attempts[i].let_through & BIT(profile)) != 0;
		int result = try_it(i, profile);

		if (result == NOT_WHOLE)
			fail_msg("the sandbox could not be entered");
		if (wanted != (result == 0))
			fail_msg("%s: %s (%d)", attempts[i].what,
				 wanted ? "is refused" : "is let through", result);
		if (result != 0 && result != EPERM && result != EACCES && result != ENOSYS &&
		    result != 1000 + SIGSYS)
			fail_msg("%s: refused by something else (%d)", attempts[i].what, result);
	}
}

static void test_files(void **state)
{
	(void)state;
	check_profile(SANDBOX_FILES);
}

static void test_capture(void **state)
{
	(void)state;
	check_profile(SANDBOX_CAPTURE);
}

static void test_analysis(void **state)
{
	(void)state;
	check_profile(SANDBOX_ANALYSIS);
}

static void test_front(void **state)
{
	(void)state;
	check_profile(SANDBOX_FRONT);
}

static void test_front_quiet(void **state)
{
	(void)state;
	check_profile(SANDBOX_FRONT_QUIET);
}

/* Trying to run a program ends the process that reads packets. */
static void test_killed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		if (attempts[i].try == run_program)
			assert_int_equal(try_it(i, SANDBOX_FILES), 1000 + SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without), cmocka_unit_test(test_files),
		cmocka_unit_test(test_capture), cmocka_unit_test(test_analysis),
		cmocka_unit_test(test_front),   cmocka_unit_test(test_front_quiet),
		cmocka_unit_test(test_killed),
	};

	if (strcmp(sandbox_words(), "seccomp and Landlock") != 0) {
		printf("1..0 # SKIP here is %s\n", sandbox_words());
		return 0;
	}
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
