#include "guard/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Later than the headers of Debian 12; numbers are the kernel's. */
#define FS_TRUNCATE      (UINT64_C(1) << 14) /* version 3 */
#define FS_IOCTL_DEVICE  (UINT64_C(1) << 15) /* version 5 */
#define NET_BIND_CONNECT UINT64_C(3)         /* version 4: TCP */
#define SCOPE_ALL        UINT64_C(3)         /* version 6: abstract sockets, signals */

/* struct landlock_ruleset_attr as of version 6; shorter for older kernels. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* All file rights of version 1. */
#define FS_FIRST                                                          \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |     \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |     \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)

/* The rights that a rule on a file may give. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

static const uint64_t rights[] = {
	[LANDLOCK_READ] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	[LANDLOCK_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
			   LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
			   LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE,
	[LANDLOCK_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_DIR,
};

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

static uint64_t fs_rights(int version)
{
	uint64_t fs = FS_FIRST;

	if (version >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		fs |= FS_TRUNCATE;
	if (version >= 5)
		fs |= FS_IOCTL_DEVICE;
	return fs;
}

int landlock_new(void)
{
	int version = landlock_version();
	struct ruleset set = {.fs = fs_rights(version)};
	size_t size = version >= 6   ? sizeof(set)
		      : version >= 4 ? offsetof(struct ruleset, scoped)
				     : offsetof(struct ruleset, net);

	if (version == 0)
		return -1;
	if (version >= 4)
		set.net = NET_BIND_CONNECT;
	if (version >= 6)
		set.scoped = SCOPE_ALL;
	return (int)syscall(SYS_landlock_create_ruleset, &set, size, 0); /* closes on exec */
}

bool landlock_allow(int ruleset, enum landlock_access access, const char *path)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat about;
	bool good = false;

	if (rule.parent_fd < 0)
		return false;
	if (fstat(rule.parent_fd, &about) == 0) {
		uint64_t all = fs_rights(landlock_version());

		rule.allowed_access = rights[access] & all;
		if (!S_ISDIR(about.st_mode))
			rule.allowed_access &= OF_FILES;
		good = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
			       0) == 0;
	}
	close(rule.parent_fd);
	return good;
}

bool landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}
