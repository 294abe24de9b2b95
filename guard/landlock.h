/* Landlock, the kernel's access control for unprivileged processes (landlock(7)), by bare system calls:
 * the C library has none for it. */
#ifndef LASTACK_GUARD_LANDLOCK_H
#define LASTACK_GUARD_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum landlock_access {
	LANDLOCK_READ,  /* read files, list folders */
	LANDLOCK_WRITE, /* and write, make, rename within the folder, remove; of a file: write it */
	LANDLOCK_REMOVE, /* remove empty folders */
};

/* The kernel's version of the interface; 0: none. */
int landlock_version(void);
/* A set that forbids all it can; a descriptor, -1: none. */
int landlock_new(void);
/* Opens a path, and what is below it, again. False where it is not there. */
bool landlock_allow(int ruleset, enum landlock_access access, const char *path);
/* Of this thread; needs no_new_privs. */
bool landlock_enter(int ruleset);

#endif
