/* The filter of system calls that a profile has (seccomp(2)), by libseccomp. */
#ifndef LASTACK_GUARD_CALLS_H
#define LASTACK_GUARD_CALLS_H

#include <stdbool.h>

#include "guard/sandbox.h"

/* Of this process, with the threads it has; needs no_new_privs. False where the kernel refuses, or the build has no libseccomp. */
bool calls_enter(enum sandbox_profile profile);
/* True where the build has libseccomp and the kernel filters. */
bool calls_possible(void);

#endif
