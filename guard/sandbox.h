/* What a process may still do once it reads what strangers wrote.
 *
 * A sandbox is set up first, with the paths that will be needed, and entered then, for good: by this
 * thread, the threads it starts and the processes it forks. It consists of no_new_privs, a filter of
 * system calls (guard/calls.h) and, in the profiles that have it, Landlock: files beyond those allowed
 * cannot be opened, whoever owns them. What the kernel or a container refuses is left out: a sandbox
 * is a second wall and never a reason to fail; sandbox_enter() tells what stands.
 *
 * Under AddressSanitizer nothing is entered, as LeakSanitizer traces the process at its end. */
#ifndef LASTACK_GUARD_SANDBOX_H
#define LASTACK_GUARD_SANDBOX_H

#include <stdbool.h>

enum sandbox_profile {
	SANDBOX_FILES,   /* analyze, extract and the readers: files, threads, clocks */
	SANDBOX_CAPTURE, /* monitor's capture: receives from a socket that is open; opens nothing to
	                   * write */
	SANDBOX_ANALYSIS,    /* monitor's analysis: shared memory and the database */
	SANDBOX_FRONT,       /* monitor's first process: all but what no program of this kind needs;
	                   * the processes it starts enter theirs. No Landlock */
	SANDBOX_FRONT_QUIET, /* the same where it starts no other program: no exec */
	SANDBOX_PROFILES,
};

struct sandbox {
	enum sandbox_profile profile;
	int ruleset; /* of Landlock; -1: none */
};

/* What stands after sandbox_enter(). */
struct sandbox_walls {
	bool no_new_privs;
	bool calls; /* the filter of system calls */
	bool files; /* Landlock */
};

struct sandbox sandbox_new(enum sandbox_profile profile);

/* Paths that stay open. One that is not there is no error and stays unreachable; links are followed. */

/* A file, or all files below a folder, to read. */
void sandbox_allow_reading(struct sandbox *sandbox, const char *path);
/* Files below a folder to read, make, write, rename and remove. */
void sandbox_allow_folder(struct sandbox *sandbox, const char *path);
/* A file to make: its folder, or the device or pipe that is there. "-" is nothing. */
void sandbox_allow_output(struct sandbox *sandbox, const char *path);
/* A folder that was made and is to be taken back where nothing comes into it. */
void sandbox_allow_removal(struct sandbox *sandbox, const char *folder);
/* A database: its folder, for journals beside it, and the one SQLite puts temporary files into.
 * NULL and ":memory:" are only the latter. */
void sandbox_allow_database(struct sandbox *sandbox, const char *path);

/* Enters, and releases what sandbox_new() took. */
struct sandbox_walls sandbox_enter(struct sandbox *sandbox);

/* Releases without entering. */
void sandbox_drop(struct sandbox *sandbox);

/* What this build has and this kernel grants, in words: "seccomp and Landlock"; static. */
const char *sandbox_words(void);

#endif
