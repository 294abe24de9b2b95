/* Giving up root, looked at from outside by /proc/PID/status. Skipped where the tests do not run as root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/privileges.h"

#define USER "nobody"

static void require_root(void)
{
	if (geteuid() != 0 || !privileges_can_capture())
		skip();
}

/* The value of a line of a process's status. */
static void status_line(pid_t pid, const char *name, char *value, size_t size)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	value[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(name);

		if (strncmp(line, name, length) == 0 && line[length] == ':')
			snprintf(value, size, "%s",
				 line + length + 1 + strspn(line + length + 1, " \t"));
	}
	fclose(file);
	value[strcspn(value, "\n")] = '\0';
}

static void expect_line(pid_t pid, const char *name, const char *wanted)
{
	char value[256];

	status_line(pid, name, value, sizeof(value));
	if (strcmp(value, wanted) != 0)
		fail_msg("%s: '%s' is wanted, '%s' found", name, wanted, value);
}

/* A child that has dropped what it had and waits; -1 on its standard input ends it. */
static pid_t drop_in_child(const struct privileges_user *user, unsigned kept, int *gate)
{
	int ready[2], go[2];
	struct error err = {""};
	char byte = 'n';
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		byte = privileges_drop(user, kept, &err) ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) < 0)
			_exit(2);
		/* what is left: packet sockets or not, and no way back */
		_exit((socket(AF_PACKET, SOCK_RAW, 0) >= 0) + 2 * (setuid(0) == 0) +
		      4 * privileges_can_capture());
	}
	close(ready[1]);
	close(go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(byte, 'y');
	*gate = go[1];
	return pid;
}

static int child_ends(pid_t pid, int gate)
{
	int status;

	close(gate);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(unsigned kept, const char *capabilities, int left)
{
	struct privileges_user user;
	char wanted[128];
	int gate;
	pid_t pid;

	assert_true(privileges_find(USER, &user, NULL));
	pid = drop_in_child(&user, kept, &gate);
	snprintf(wanted, sizeof(wanted), "%u\t%u\t%u\t%u", user.uid, user.uid, user.uid, user.uid);
	expect_line(pid, "Uid", wanted);
	snprintf(wanted, sizeof(wanted), "%u\t%u\t%u\t%u", user.gid, user.gid, user.gid, user.gid);
	expect_line(pid, "Gid", wanted);
	snprintf(wanted, sizeof(wanted), "%u ", user.gid);
	expect_line(pid, "Groups", wanted);
	expect_line(pid, "CapEff", capabilities);
	expect_line(pid, "CapPrm", capabilities);
	expect_line(pid, "CapInh", "0000000000000000");
	expect_line(pid, "CapAmb", "0000000000000000");
	expect_line(pid, "CapBnd", "0000000000000000");
	expect_line(pid, "NoNewPrivs", "1");
	assert_int_equal(child_ends(pid, gate), left);
}

static void test_keeps_nothing(void **state)
{
	(void)state;
	require_root();
	check(PRIVILEGES_NONE, "0000000000000000", 0);
}

static void test_keeps_raw(void **state)
{
	(void)state;
	require_root();
	check(PRIVILEGES_RAW, "0000000000002000", 1 + 4);
}

/* The right to write into others' folders is root's, never another user's. */
static void test_files_are_of_root(void **state)
{
	(void)state;
	require_root();
	check(PRIVILEGES_FILES, "0000000000000000", 0);
}

static void test_stays_root(void **state)
{
	int gate;
	pid_t pid;

	(void)state;
	require_root();
	pid = drop_in_child(NULL, PRIVILEGES_FILES, &gate);
	expect_line(pid, "CapEff", "0000000000000002");
	expect_line(pid, "CapBnd", "0000000000000000");
	assert_int_equal(child_ends(pid, gate), 2); /* it is root, without capabilities */
}

static void test_users(void **state)
{
	struct privileges_user user;
	struct error err = {""};

	(void)state;
	assert_true(privileges_find("root", &user, &err));
	assert_int_equal(user.uid, 0);
	assert_true(privileges_find("0", &user, &err));
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.name, "root");
	assert_true(privileges_find("54321", &user, &err));
	assert_int_equal(user.uid, 54321);
	assert_int_equal(user.gid, 54321);
	assert_string_equal(user.name, "");
	assert_false(privileges_find("no-such-user", &user, &err));
	assert_string_equal(err.text, "there is no user 'no-such-user'");
	assert_false(privileges_find("", &user, &err));
	assert_false(privileges_find("-1", &user, &err));
	assert_false(privileges_find("12x", &user, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_nothing),
		cmocka_unit_test(test_keeps_raw),
		cmocka_unit_test(test_files_are_of_root),
		cmocka_unit_test(test_stays_root),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
