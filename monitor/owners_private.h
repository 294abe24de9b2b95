/* Parts of owners: the kernel's table of sockets, and who holds them. */
#ifndef LASTACK_MONITOR_OWNERS_PRIVATE_H
#define LASTACK_MONITOR_OWNERS_PRIVATE_H

#include "monitor/owners.h"

/* A socket as the kernel tells of it. */
struct socket_row {
	unsigned state; /* enum socket_state */
	struct board_end local, remote;
	uint64_t inode; /* 0 in TIME_WAIT */
};

/* The kernel's numbers (include/net/tcp_states.h). */
enum socket_state {
	SOCKET_ESTABLISHED = 1,
	SOCKET_TIME_WAIT = 6,
	SOCKET_CLOSE_WAIT = 8,
	SOCKET_LISTEN = 10,
};

/* Tells each TCP socket of this network namespace in one of the states (bits 1 << state). */
bool socket_table_read(int netlink, uint32_t states,
		       void (*each)(void *context, const struct socket_row *row), void *context,
		       struct error *err);

enum socket_answer { SOCKET_ANSWER_MORE, SOCKET_ANSWER_DONE, SOCKET_ANSWER_FAILED };

/* One datagram of the kernel's answer, aligned as a struct nlmsghdr is, of fewer than 2^31 bytes. */
enum socket_answer socket_table_take(const void *bytes, size_t size,
				     void (*each)(void *context, const struct socket_row *row),
				     void *context, struct error *err);

/* Who holds an inode; sorted by it. */
struct socket_holder {
	uint64_t inode;
	pid_t pid; /* 0: not found */
	char name[OWNER_NAME_SIZE];
};

/* The inode that a link of /proc/PID/fd names, "socket:[12345]"; 0 where it is something else. */
uint64_t socket_inode_of(const char *link);
/* Fills pid and name of the holders by looking through /proc. */
void socket_holders_find(struct socket_holder *holders, size_t count);
const struct socket_holder *socket_holder_of(const struct socket_holder *holders, size_t count,
					     uint64_t inode);

#endif
