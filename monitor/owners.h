/* Whose sockets of this host stay in CLOSE_WAIT, and who makes many in TIME_WAIT: from the kernel's table of
 * sockets (sock_diag) and the descriptors of processes (/proc).
 *
 * The kernel does not tell since when a socket is in its state: CLOSE_WAIT counts from when it was first
 * seen here. A socket in TIME_WAIT belongs to nobody any more: named is who listens on its port, or who
 * holds another connection to the same server. Descriptors of other users' processes are seen by root and
 * with CAP_SYS_PTRACE only; what cannot be seen has pid 0. */
#ifndef LASTACK_MONITOR_OWNERS_H
#define LASTACK_MONITOR_OWNERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "monitor/board.h"

enum {
	OWNERS_ROWS = 16,
	OWNERS_SOCKETS = 4096, /* in CLOSE_WAIT that are remembered */
	OWNERS_GROUPS = 256,   /* ports and servers that TIME_WAIT is counted of */
	OWNER_NAME_SIZE = 16,  /* TASK_COMM_LEN */
	OWNER_SENTENCE_SIZE = 200,
};

enum owner_kind {
	OWNER_CLOSE_WAIT,
	OWNER_TIME_WAIT_SERVER, /* at the port local */
	OWNER_TIME_WAIT_CLIENT, /* to the server remote */
};

struct owner_row {
	enum owner_kind kind;
	struct board_end local, remote; /* of the oldest in CLOSE_WAIT */
	uint64_t count;
	int64_t oldest_ns; /* of CLOSE_WAIT */
	pid_t pid;         /* 0: not to be seen */
	char name[OWNER_NAME_SIZE];
};

struct owners;

/* stuck_ns: how long a CLOSE_WAIT is nobody's business; busy: how many TIME_WAITs are. NULL with err: the
 * kernel does not answer. */
struct owners *owners_open(int64_t stuck_ns, uint64_t busy, struct error *err);
void owners_close(struct owners *owners); /* NULL is fine */
/* In a process forked from the one that looks: closes what was inherited. */
void owners_forked(const struct owners *owners);

/* Looks now (a clock that is not set): CLOSE_WAIT by process, the most first, then TIME_WAIT. Returns how
 * many rows there are. A look that fails gives 0 with err. */
size_t owners_look(struct owners *owners, int64_t now_ns, struct owner_row rows[OWNERS_ROWS],
		   struct error *err);

/* "nginx (812) holds 3 sockets in CLOSE_WAIT, the oldest 10.0.0.5:8080 for 2 min 10 s" */
const char *owner_sentence(const struct owner_row *row, char out[OWNER_SENTENCE_SIZE]);

#endif
