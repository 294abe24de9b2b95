/* Makes one call of the C library fail, for tests/check_faults.py: preloaded into the program as it is.
 *
 * LASTACK_FAULT is CALL:N:HOW[:PART]. CALL is malloc (also calloc, realloc and their like), read, write,
 * sync, open (also dup), lock, unlink, truncate or move (link, rename and their like); the Nth of them fails, from 1, and no other. HOW is the errno as a
 * number, or "flip": the call is made, and one byte of what it read is turned over. With PART only files
 * whose path contains it count; of memory, only the process that is named so, counted from when it took the name.
 * LASTACK_FAULT_LOG names a file that is made when the call has failed: while it is there, no other one fails,
 * in no process. LASTACK_FAULT_COUNT names a file for how many calls there were, a number of 64 bits. */
#undef _FILE_OFFSET_BITS /* both names of each function are defined here */
#undef _FORTIFY_SOURCE   /* no inline functions of their names */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/* What a program that calls these directly is given. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
int open64(const char *path, int flags, ...);
ssize_t pread64(int fd, void *bytes, size_t count, off_t at);
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at);
int ftruncate64(int fd, off_t size);
int fcntl64(int fd, int command, ...);
int openat64(int folder, const char *path, int flags, ...);

enum call { NOTHING, MEMORY, READ, WRITE, SYNC, OPEN, LOCK, UNLINK, TRUNCATE, MOVE };

/* Set once, before main. */
static enum call wanted;
static long nth;
static int how; /* errno; 0: flip */
static char part[64], log_path[256];
static atomic_long own_calls, *calls = &own_calls;
static atomic_bool here; /* of memory: this process is the one */

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* wanted and what is looked up: the types of the C library's own functions */
#define NEXT(type, name) \
	type;            \
	*(void **)&real = next(name)

static enum call call_named(const char *name, size_t length)
{
	static const char *const names[] = {"malloc", "read",   "write",    "sync", "open",
					    "lock",   "unlink", "truncate", "move"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
			return (enum call)(MEMORY + i);
	return NOTHING;
}

/* In shared memory, since processes end in many ways. */
static void count_in(const char *path)
{
	int (*make)(const char *, int, ...);
	void *shared;
	int fd;

	*(void **)&make = next("open");
	fd = make(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*calls)) != 0)
		return;
	shared = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		calls = shared;
}

__attribute__((constructor)) static void set_up(void)
{
	const char *text = getenv("LASTACK_FAULT"), *file = getenv("LASTACK_FAULT_LOG");
	const char *count = getenv("LASTACK_FAULT_COUNT"), *colon = text ? strchr(text, ':') : NULL;
	char *rest;

	*(void **)&next_malloc = next("malloc");
	*(void **)&next_calloc = next("calloc");
	*(void **)&next_realloc = next("realloc");
	if (!colon)
		return;
	if (file)
		snprintf(log_path, sizeof(log_path), "%s", file);
	nth = strtol(colon + 1, &rest, 10);
	if (*rest == ':' && strncmp(rest + 1, "flip", 4) != 0)
		how = (int)strtol(rest + 1, &rest, 10);
	else if (*rest == ':')
		rest += 5;
	if (*rest == ':')
		snprintf(part, sizeof(part), "%s", rest + 1);
	if (count)
		count_in(count);
	here = part[0] == '\0' || strcmp(part, program_invocation_short_name) == 0;
	wanted = call_named(text, (size_t)(colon - text));
}

static bool is_meant(const char *path)
{
	return part[0] == '\0' || (path && strstr(path, part));
}

static bool is_meant_fd(int fd)
{
	char link[64], path[512];
	ssize_t length;

	if (part[0] == '\0')
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return is_meant(path);
}

/* This is the call that fails. */
static bool strikes(void)
{
	int (*make)(const char *, int, ...);
	int fd, before = errno;

	if (atomic_fetch_add(calls, 1) + 1 != nth)
		return false;
	*(void **)&make = next("open");
	fd = log_path[0] ? make(log_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (fd >= 0)
		close(fd);
	else if (log_path[0] && errno == EEXIST)
		return false;
	errno = how ? how : before;
	return true;
}

static bool fails(enum call call, int fd)
{
	return wanted == call && is_meant_fd(fd) && strikes() && how != 0;
}

static bool fails_at(enum call call, const char *path)
{
	return wanted == call && is_meant(path) && strikes() && how != 0;
}

/* A name in a folder that is open. */
static bool fails_in(enum call call, int folder, const char *path)
{
	bool meant = wanted == call && (is_meant(path) || (folder >= 0 && is_meant_fd(folder)));

	return meant && strikes() && how != 0;
}

/* ---- memory ---- */

static bool no_memory(void)
{
	if (wanted != MEMORY || !here || !strikes())
		return false;
	errno = ENOMEM;
	return true;
}

/* A child begins its own count with its name. */
int prctl(int option, ...)
{
	NEXT(int (*real)(int, unsigned long, unsigned long, unsigned long, unsigned long), "prctl");
	unsigned long words[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		words[i] = va_arg(list, unsigned long);
	va_end(list);
	if (option == PR_SET_NAME && wanted == MEMORY && part[0] != '\0') {
		here = strcmp(part, (const char *)words[0]) == 0;
		if (here)
			*calls = 0;
	}
	return real(option, words[0], words[1], words[2], words[3]);
}

void *malloc(size_t size)
{
	if (no_memory())
		return NULL;
	return next_malloc ? next_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (no_memory())
		return NULL;
	return next_calloc ? next_calloc(count, size) : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	if (no_memory())
		return NULL;
	return next_realloc ? next_realloc(old, size) : __libc_realloc(old, size);
}

/* ---- files ---- */

static ssize_t read_whole(ssize_t got, void *bytes, int fd)
{
	if (got > 0 && wanted == READ && how == 0 && is_meant_fd(fd) && strikes())
		((uint8_t *)bytes)[got / 2] ^= 0x40;
	return got;
}

ssize_t read(int fd, void *bytes, size_t count)
{
	NEXT(ssize_t(*real)(int, void *, size_t), "read");

	if (how != 0 && fails(READ, fd))
		return -1;
	return read_whole(real(fd, bytes, count), bytes, fd);
}

static ssize_t read_at(const char *name, int fd, void *bytes, size_t count, off_t at)
{
	NEXT(ssize_t(*real)(int, void *, size_t, off_t), name);

	if (how != 0 && fails(READ, fd))
		return -1;
	return read_whole(real(fd, bytes, count, at), bytes, fd);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t at)
{
	return read_at("pread", fd, bytes, count, at);
}

ssize_t pread64(int fd, void *bytes, size_t count, off_t at)
{
	return read_at("pread64", fd, bytes, count, at);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
	NEXT(ssize_t(*real)(int, const void *, size_t), "write");

	return fails(WRITE, fd) ? -1 : real(fd, bytes, count);
}

static ssize_t write_at(const char *name, int fd, const void *bytes, size_t count, off_t at)
{
	NEXT(ssize_t(*real)(int, const void *, size_t, off_t), name);

	return fails(WRITE, fd) ? -1 : real(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	return write_at("pwrite", fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at)
{
	return write_at("pwrite64", fd, bytes, count, at);
}

int fsync(int fd)
{
	NEXT(int (*real)(int), "fsync");

	return fails(SYNC, fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
	NEXT(int (*real)(int), "fdatasync");

	return fails(SYNC, fd) ? -1 : real(fd);
}

static int truncate_to(const char *name, int fd, off_t size)
{
	NEXT(int (*real)(int, off_t), name);

	return fails(TRUNCATE, fd) ? -1 : real(fd, size);
}

int ftruncate(int fd, off_t size)
{
	return truncate_to("ftruncate", fd, size);
}

int ftruncate64(int fd, off_t size)
{
	return truncate_to("ftruncate64", fd, size);
}

int unlink(const char *path)
{
	NEXT(int (*real)(const char *), "unlink");

	return fails_at(UNLINK, path) ? -1 : real(path);
}

static int open_file(const char *name, const char *path, int flags, mode_t mode)
{
	NEXT(int (*real)(const char *, int, ...), name);

	return fails_at(OPEN, path) ? -1 : real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_file("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_file("open64", path, flags, mode);
}

static int open_in(const char *name, int folder, const char *path, int flags, mode_t mode)
{
	NEXT(int (*real)(int, const char *, int, ...), name);

	return fails_in(OPEN, folder, path) ? -1 : real(folder, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_in("openat", folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_in("openat64", folder, path, flags, mode);
}

int dup(int fd)
{
	NEXT(int (*real)(int), "dup");

	return fails(OPEN, fd) ? -1 : real(fd);
}

int link(const char *from, const char *to)
{
	NEXT(int (*real)(const char *, const char *), "link");

	return fails_at(MOVE, to) ? -1 : real(from, to);
}

int renameat(int from_folder, const char *from, int folder, const char *to)
{
	NEXT(int (*real)(int, const char *, int, const char *), "renameat");

	return fails_in(MOVE, folder, to) ? -1 : real(from_folder, from, folder, to);
}

int renameat2(int from_folder, const char *from, int folder, const char *to, unsigned flags)
{
	NEXT(int (*real)(int, const char *, int, const char *, unsigned), "renameat2");

	return fails_in(MOVE, folder, to) ? -1 : real(from_folder, from, folder, to, flags);
}

static int control(const char *name, int fd, int command, void *argument)
{
	NEXT(int (*real)(int, int, ...), name);

	/* giving a lock back does not fail */
	if ((command == F_SETLK || command == F_SETLKW) &&
	    ((const struct flock *)argument)->l_type != F_UNLCK && fails(LOCK, fd))
		return -1;
	return real(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return control("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return control("fcntl64", fd, command, argument);
}
