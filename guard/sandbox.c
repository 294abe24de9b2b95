#include "guard/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "guard/calls.h"
#include "guard/landlock.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* What the C library, libpcap and SQLite look up by themselves; nothing of it is secret. */
static const char *const public_files[] = {
	"/dev/null",      "/dev/urandom",   "/etc/ethers",         "/etc/host.conf",
	"/etc/hosts",     "/etc/localtime", "/etc/networks",       "/etc/nsswitch.conf",
	"/etc/protocols", "/etc/services",  "/usr/share/zoneinfo", "/usr/lib/locale",
};

static bool has_landlock(enum sandbox_profile profile)
{
	return profile != SANDBOX_FRONT && profile != SANDBOX_FRONT_QUIET && !SANITIZED;
}

struct sandbox sandbox_new(enum sandbox_profile profile)
{
	struct sandbox sandbox = {.profile = profile,
				  .ruleset = has_landlock(profile) ? landlock_new() : -1};

	for (size_t i = 0; i < sizeof(public_files) / sizeof(public_files[0]); i++)
		sandbox_allow_reading(&sandbox, public_files[i]);
	return sandbox;
}

static void allow(struct sandbox *sandbox, enum landlock_access access, const char *path)
{
	if (sandbox->ruleset >= 0)
		landlock_allow(sandbox->ruleset, access, path);
}

/* The folder that path is in. */
static void allow_parent(struct sandbox *sandbox, enum landlock_access access, const char *path)
{
	char *copy = strdup(path), *slash;

	if (!copy)
		return; /* then it stays unreachable, which is told where it is opened */
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		slash[slash == copy] = '\0';
	allow(sandbox, access, slash ? copy : ".");
	free(copy);
}

void sandbox_allow_reading(struct sandbox *sandbox, const char *path)
{
	allow(sandbox, LANDLOCK_READ, path);
}

void sandbox_allow_folder(struct sandbox *sandbox, const char *path)
{
	allow(sandbox, LANDLOCK_WRITE, path);
}

void sandbox_allow_output(struct sandbox *sandbox, const char *path)
{
	struct stat about;

	if (strcmp(path, "-") == 0)
		return;
	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
		allow(sandbox, LANDLOCK_WRITE, path);
	else
		allow_parent(sandbox, LANDLOCK_WRITE, path);
}

void sandbox_allow_removal(struct sandbox *sandbox, const char *folder)
{
	allow_parent(sandbox, LANDLOCK_REMOVE, folder);
}

/* The one SQLite takes: the first of these that can be written (sqlite.org/tempfiles.html, 5). */
static void allow_temporary(struct sandbox *sandbox)
{
	const char *folders[] = {
		getenv("SQLITE_TMPDIR"), getenv("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp", "."};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct stat about;

		if (folders[i] && stat(folders[i], &about) == 0 && S_ISDIR(about.st_mode) &&
		    access(folders[i], W_OK | X_OK) == 0) {
			allow(sandbox, LANDLOCK_WRITE, folders[i]);
			return;
		}
	}
}

void sandbox_allow_database(struct sandbox *sandbox, const char *path)
{
	char *real;

	allow_temporary(sandbox);
	if (!path || strcmp(path, ":memory:") == 0)
		return;
	allow_parent(sandbox, LANDLOCK_WRITE, path);
	real = realpath(path, NULL);
	if (real)
		allow_parent(sandbox, LANDLOCK_WRITE, real); /* a link's journal is there */
	free(real);
}

struct sandbox_walls sandbox_enter(struct sandbox *sandbox)
{
	struct sandbox_walls walls = {false, false, false};

	if (SANITIZED)
		return walls;
	(void)btowc(
		0xe9); /* loads what the locale's characters need; no code can be loaded later */
	walls.no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (sandbox->ruleset >= 0)
		walls.files = landlock_enter(sandbox->ruleset);
	sandbox_drop(sandbox);
	walls.calls = calls_enter(sandbox->profile);
	return walls;
}

void sandbox_drop(struct sandbox *sandbox)
{
	if (sandbox->ruleset >= 0)
		close(sandbox->ruleset);
	sandbox->ruleset = -1;
}

const char *sandbox_words(void)
{
	bool calls = calls_possible() && !SANITIZED, files = landlock_version() > 0 && !SANITIZED;

	if (calls && files)
		return "seccomp and Landlock";
	if (calls)
		return "seccomp; no Landlock";
	return files ? "Landlock; no seccomp" : "none";
}
