#include "streams/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_MAX = 64, CREATE_TRIES = 1000 };

bool folder_open(struct folder *folder, const char *path, bool make, bool overwrite,
		 struct error *err)
{
	*folder = (struct folder){.fd = -1, .path = path, .overwrite = overwrite};
	if (make && mkdir(path, 0700) == 0)
		folder->made = true;
	else if (make && errno != EEXIST)
		return error_set(err, "%s: cannot be made: %s", path, strerror(errno));
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return error_set(err, "%s: cannot be opened: %s", path, strerror(errno));
	return true;
}

void folder_close(struct folder *folder, bool keep)
{
	if (folder->fd < 0)
		return;
	close(folder->fd);
	folder->fd = -1;
	if (folder->made && !keep)
		rmdir(folder->path); /* fails where anything is in it: then it stays */
}

static bool fail(const struct folder *folder, const char *name, const char *what, struct error *err)
{
	return error_set(err, "%s/%s: %s: %s", folder->path, name, what, strerror(errno));
}

static bool taken(const struct folder *folder, const char *name, struct error *err)
{
	return error_set(err, "%s/%s is there already; --overwrite replaces it", folder->path,
			 name);
}

bool folder_free_for(const struct folder *folder, const char *name, struct error *err)
{
	struct stat status;

	if (fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || fail(folder, name, "cannot be written", err);
	if (!folder->overwrite)
		return taken(folder, name, err);
	if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
		return true;
	return error_set(err, "%s/%s is not a file", folder->path, name);
}

void folder_remove(struct folder *folder, const char *name)
{
	unlinkat(folder->fd, name, 0);
}

static void temporary_name(const struct new_file *file, char name[TEMPORARY_MAX])
{
	snprintf(name, TEMPORARY_MAX, ".lastack-%ld-%" PRIu64 ".part", (long)getpid(),
		 file->serial);
}

/* The folder's name is enough: the file has none yet that means anything. */
static bool cannot_write(const struct folder *folder, struct error *err)
{
	return error_set(err, "%s: cannot be written to: %s", folder->path, strerror(errno));
}

bool new_file_create(struct folder *folder, struct new_file *file, struct error *err)
{
	char name[TEMPORARY_MAX];

	for (int i = 0; i < CREATE_TRIES; i++) {
		file->serial = ++folder->serial;
		temporary_name(file, name);
		file->fd = openat(folder->fd, name,
				  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		file->open = file->fd >= 0;
		if (file->open)
			return true;
		if (errno != EEXIST)
			break;
	}
	file->serial = 0;
	return cannot_write(folder, err);
}

static bool reopen(struct folder *folder, struct new_file *file, struct error *err)
{
	char name[TEMPORARY_MAX];

	if (file->open)
		return true;
	temporary_name(file, name);
	file->fd = openat(folder->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	file->open = file->fd >= 0;
	return file->open || cannot_write(folder, err);
}

bool new_file_write(struct folder *folder, struct new_file *file, const void *bytes, size_t count,
		    uint64_t at, struct error *err)
{
	const uint8_t *from = bytes;

	if (!reopen(folder, file, err))
		return false;
	while (count > 0) {
		ssize_t written = pwrite(file->fd, from, count, (off_t)at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return cannot_write(folder, err);
		from += written;
		at += (uint64_t)written;
		count -= (size_t)written;
	}
	return true;
}

bool new_file_read(struct folder *folder, struct new_file *file, void *bytes, size_t count,
		   uint64_t at, struct error *err)
{
	uint8_t *to = bytes;

	if (!reopen(folder, file, err))
		return false;
	while (count > 0) {
		ssize_t got = pread(file->fd, to, count, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_set(err, "%s: cannot be read back", folder->path);
		to += got;
		at += (uint64_t)got;
		count -= (size_t)got;
	}
	return true;
}

bool new_file_extend(struct folder *folder, struct new_file *file, uint64_t length,
		     struct error *err)
{
	if (!reopen(folder, file, err))
		return false;
	return ftruncate(file->fd, (off_t)length) == 0 || cannot_write(folder, err);
}

bool new_file_rest(struct folder *folder, struct new_file *file, struct error *err)
{
	if (!file->open)
		return true;
	file->open = false;
	/* some file systems tell only now that the bytes have no room */
	return close(file->fd) == 0 || cannot_write(folder, err);
}

/* Where the file system cannot rename without replacing, an empty file of our own holds the name. */
static bool rename_to_claimed(struct folder *folder, const char *from, const char *name)
{
	int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int reason;

	if (fd < 0)
		return false;
	close(fd);
	if (renameat(folder->fd, from, folder->fd, name) == 0)
		return true;
	reason = errno;
	unlinkat(folder->fd, name, 0);
	errno = reason;
	return false;
}

static bool rename_to(struct folder *folder, const char *from, const char *name)
{
	if (folder->overwrite)
		return renameat(folder->fd, from, folder->fd, name) == 0;
	if (renameat2(folder->fd, from, folder->fd, name, RENAME_NOREPLACE) == 0)
		return true;
	return (errno == EINVAL || errno == ENOSYS) && rename_to_claimed(folder, from, name);
}

bool new_file_publish(struct folder *folder, struct new_file *file, const char *name,
		      struct error *err)
{
	char temporary[TEMPORARY_MAX];

	if (!new_file_rest(folder, file, err)) {
		new_file_discard(folder, file);
		return false;
	}
	temporary_name(file, temporary);
	if (rename_to(folder, temporary, name)) {
		*file = (struct new_file){0};
		return true;
	}
	if (errno == EEXIST)
		taken(folder, name, err);
	else
		fail(folder, name, "cannot be written", err);
	new_file_discard(folder, file);
	return false;
}

void new_file_discard(struct folder *folder, struct new_file *file)
{
	char name[TEMPORARY_MAX];

	if (file->open)
		close(file->fd);
	if (file->serial) {
		temporary_name(file, name);
		unlinkat(folder->fd, name, 0);
	}
	*file = (struct new_file){0};
}
