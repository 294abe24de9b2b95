/* Giving up the rights of root, for good.
 *
 * A process that opened what it needs keeps the capabilities named and nothing else: not in its own
 * sets, not in the bounding set, not through programs it runs (no_new_privs). It leaves no core dump
 * and cannot be traced by others of its user. */
#ifndef LASTACK_GUARD_PRIVILEGES_H
#define LASTACK_GUARD_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* May be added up. */
enum privileges_kept {
	PRIVILEGES_NONE = 0,
	PRIVILEGES_RAW = 1,   /* CAP_NET_RAW: packet sockets */
	PRIVILEGES_FILES = 2, /* CAP_DAC_OVERRIDE: root that stays root writes into others' folders;
	                        * other users do not have it */
	PRIVILEGES_OWNERS = 4, /* CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH: whose sockets are whose */
};

struct privileges_user {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* A user by name or number. False with err where there is none. */
bool privileges_find(const char *name, struct privileges_user *user, struct error *err);

/* Becomes the user (NULL: stays who it is) with its groups and the capabilities named, as far as they
 * are there, and looks whether it came true. False with err: the process must not go on. Of this
 * process, before it starts threads. */
bool privileges_drop(const struct privileges_user *user, unsigned kept, struct error *err);

/* True where the capability to open packet sockets is there. */
bool privileges_can_capture(void);

#endif
