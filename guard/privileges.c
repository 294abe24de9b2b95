#include "guard/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The sets of this process, a bit a capability. */
struct capabilities {
	uint64_t effective, permitted, inheritable;
};

#define BIT(capability) (UINT64_C(1) << (capability))

static uint64_t capabilities_of(unsigned kept, uid_t uid)
{
	uint64_t set = 0;

	if (kept & PRIVILEGES_RAW)
		set |= BIT(CAP_NET_RAW);
	if (kept & PRIVILEGES_FILES && uid == 0)
		set |= BIT(CAP_DAC_OVERRIDE);
	if (kept & PRIVILEGES_OWNERS)
		set |= BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH);
	return set;
}

static bool capabilities_get(struct capabilities *sets)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	*sets = (struct capabilities){
		.effective = data[0].effective | (uint64_t)data[1].effective << 32,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
	};
	return true;
}

/* Effective and permitted are the same, inheritable is nothing. */
static bool capabilities_set(uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)set, .permitted = (uint32_t)set},
		{.effective = (uint32_t)(set >> 32), .permitted = (uint32_t)(set >> 32)},
	};

	return syscall(SYS_capset, &header, data) == 0;
}

static bool failed(struct error *err, const char *what)
{
	return error_set(err, "%s: %s", what, strerror(errno));
}

static bool find_number(const char *name, struct privileges_user *user, struct error *err)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	const struct passwd *entry;

	if (name[0] < '0' || name[0] > '9' || *end != '\0' || number > INT32_MAX)
		return error_set(err, "there is no user '%s'", name);
	user->uid = (uid_t)number;
	user->gid = (gid_t)number;
	entry = getpwuid(user->uid);
	if (entry)
		user->gid = entry->pw_gid;
	snprintf(user->name, sizeof(user->name), "%s", entry ? entry->pw_name : "");
	return true;
}

bool privileges_find(const char *name, struct privileges_user *user, struct error *err)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return find_number(name, user, err);
	if (strlen(name) >= sizeof(user->name))
		return error_set(err, "the user's name '%s' is too long", name);
	*user = (struct privileges_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	snprintf(user->name, sizeof(user->name), "%s", name);
	return true;
}

static bool set_groups(const struct privileges_user *user)
{
	if (user->name[0] != '\0')
		return initgroups(user->name, user->gid) == 0;
	return setgroups(1, &user->gid) == 0;
}

static bool become(const struct privileges_user *user, struct error *err)
{
	if (geteuid() == user->uid && getuid() == user->uid && getegid() == user->gid)
		return true;
	if (geteuid() != 0)
		return error_set(err, "only root can become the user '%s'", user->name);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return failed(err, "keeping capabilities");
	if (!set_groups(user))
		return failed(err, "setting the groups");
	if (setresgid(user->gid, user->gid, user->gid) != 0)
		return failed(err, "becoming the group");
	if (setresuid(user->uid, user->uid, user->uid) != 0)
		return failed(err, "becoming the user");
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return true;
}

/* No program that is run gets any back. Needs CAP_SETPCAP; without it no_new_privs alone stands. */
static void empty_bounding_set(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool is_user(const struct privileges_user *user)
{
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	return getresuid(&real, &effective, &saved) == 0 &&
	       getresgid(&real_group, &effective_group, &saved_group) == 0 && real == user->uid &&
	       effective == user->uid && saved == user->uid && real_group == user->gid &&
	       effective_group == user->gid && saved_group == user->gid;
}

/* What was asked for is no proof: the kernel tells, and the way back is tried. */
static bool verify(const struct privileges_user *user, uint64_t set, struct error *err)
{
	struct capabilities now;

	if (user && !is_user(user))
		return error_set(err, "the user could not be changed to '%s'", user->name);
	if (user && user->uid != 0 && (setuid(0) == 0 || setgid(0) == 0))
		return error_set(err, "root could be had back");
	if (!capabilities_get(&now) || now.effective != set || now.permitted != set ||
	    now.inheritable != 0)
		return error_set(err, "capabilities could not be given up");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return error_set(err, "no_new_privs could not be set");
	return true;
}

static void leave_no_dump(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* after the change of user, which sets it anew */
}

bool privileges_drop(const struct privileges_user *user, unsigned kept, struct error *err)
{
	struct capabilities before;
	int parent_dies = 0;
	uint64_t set;

	if (!capabilities_get(&before))
		return failed(err, "reading the capabilities");
	set = before.permitted & capabilities_of(kept, user ? user->uid : geteuid());
	prctl(PR_GET_PDEATHSIG, &parent_dies);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	empty_bounding_set();
	if (user && !become(user, err))
		return false;
	if (!capabilities_set(set))
		return failed(err, "giving up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return failed(err, "setting no_new_privs");
	leave_no_dump();
	prctl(PR_SET_PDEATHSIG, parent_dies); /* the change of user cleared it */
	return verify(user, set, err);
}

bool privileges_can_capture(void)
{
	struct capabilities now;

	return capabilities_get(&now) && (now.effective & BIT(CAP_NET_RAW)) != 0;
}
