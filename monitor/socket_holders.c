/* Which process holds a socket: the links in /proc/PID/fd name its inode. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/owners_private.h"

static int compare(const void *one, const void *other)
{
	const struct socket_holder *a = one, *b = other;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

const struct socket_holder *socket_holder_of(const struct socket_holder *holders, size_t count,
					     uint64_t inode)
{
	struct socket_holder wanted = {.inode = inode};

	return count > 0 ? bsearch(&wanted, holders, count, sizeof(*holders), compare) : NULL;
}

uint64_t socket_inode_of(const char *link)
{
	static const char head[] = "socket:[";
	const char *number = link + strlen(head);
	unsigned long long inode;
	char *end;

	if (strncmp(link, head, strlen(head)) != 0 || !isdigit((unsigned char)*number))
		return 0;
	errno = 0;
	inode = strtoull(number, &end, 10);
	return errno == 0 && strcmp(end, "]") == 0 ? inode : 0;
}

static uint64_t inode_of(int folder, const char *name)
{
	char target[64];
	ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);

	if (length <= 0)
		return 0;
	target[length] = '\0';
	return socket_inode_of(target);
}

static void read_name(int proc, const char *pid, char name[OWNER_NAME_SIZE])
{
	char path[64];
	int file;
	ssize_t length = 0;

	snprintf(path, sizeof(path), "%.20s/comm", pid);
	file = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, name, OWNER_NAME_SIZE - 1);
		close(file);
	}
	name[length > 0 ? length : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* Of several processes that share a socket the first is named. */
static void look_at(int proc, const char *pid, struct socket_holder *holders, size_t count)
{
	char path[64];
	struct dirent *entry;
	int folder;
	DIR *fds;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	folder = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return;
	fds = fdopendir(folder);
	if (!fds) {
		close(folder);
		return;
	}
	while ((entry = readdir(fds)) != NULL) {
		uint64_t inode = inode_of(folder, entry->d_name);
		const struct socket_holder *found = inode ? socket_holder_of(holders, count, inode)
							  : NULL;
		struct socket_holder *holder = found ? holders + (found - holders) : NULL;

		if (!holder || holder->pid != 0)
			continue;
		holder->pid = (pid_t)strtol(pid, NULL, 10);
		read_name(proc, pid, holder->name);
	}
	closedir(fds);
}

void socket_holders_find(struct socket_holder *holders, size_t count)
{
	DIR *proc = count > 0 ? opendir("/proc") : NULL;
	struct dirent *entry;

	if (!proc)
		return;
	qsort(holders, count, sizeof(*holders), compare);
	while ((entry = readdir(proc)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(dirfd(proc), entry->d_name, holders, count);
	closedir(proc);
}
