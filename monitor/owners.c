#include "monitor/owners.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "monitor/owners_private.h"
#include "monitor/snapshot.h"
#include "report/format.h"

enum { PORTS = 65536, TIMEOUT_S = 2 };

/* A socket in CLOSE_WAIT. */
struct waiting {
	struct socket_row row;
	int64_t since_ns;
};

/* What TIME_WAITs are counted of: a port that is listened on, or a server that is called. */
struct group {
	bool server;
	struct board_end end; /* local of a server (its port counts), remote of a client */
	uint64_t count;
	uint64_t inode; /* of the listener, of another connection; 0: none */
};

struct owners {
	int netlink;
	int64_t stuck_ns;
	uint64_t busy;
	struct waiting *waiting, *before; /* OWNERS_SOCKETS each: of this look, of the last */
	size_t waiting_count, before_count;
	struct group groups[OWNERS_GROUPS];
	size_t group_count;
	uint64_t *listeners; /* inode of who listens on a port, PORTS of them */
	int64_t now_ns;
};

struct owners *owners_open(int64_t stuck_ns, uint64_t busy, struct error *err)
{
	const struct timeval patience = {.tv_sec = TIMEOUT_S};
	struct owners *owners = calloc(1, sizeof(*owners));

	if (!owners) {
		error_set(err, "no memory to look at sockets");
		return NULL;
	}
	owners->stuck_ns = stuck_ns;
	owners->busy = busy;
	owners->netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	owners->waiting = calloc(OWNERS_SOCKETS, sizeof(*owners->waiting));
	owners->before = calloc(OWNERS_SOCKETS, sizeof(*owners->before));
	owners->listeners = calloc(PORTS, sizeof(*owners->listeners));
	if (owners->netlink < 0)
		error_set(err, "the kernel's sockets cannot be asked for: %s", strerror(errno));
	else if (!owners->waiting || !owners->before || !owners->listeners)
		error_set(err, "no memory to look at sockets");
	else if (setsockopt(owners->netlink, SOL_SOCKET, SO_RCVTIMEO, &patience,
			    sizeof(patience)) == 0)
		return owners;
	owners_close(owners);
	return NULL;
}

void owners_close(struct owners *owners)
{
	if (!owners)
		return;
	if (owners->netlink >= 0)
		close(owners->netlink);
	free(owners->waiting);
	free(owners->before);
	free(owners->listeners);
	free(owners);
}

void owners_forked(const struct owners *owners)
{
	close(owners->netlink);
}

static bool same_end(const struct board_end *one, const struct board_end *other)
{
	return one->port == other->port && one->ip_version == other->ip_version &&
	       memcmp(&one->address, &other->address, sizeof(one->address)) == 0;
}

static void count_time_wait(struct owners *owners, const struct socket_row *row)
{
	bool server = owners->listeners[row->local.port] != 0;
	const struct board_end *end = server ? &row->local : &row->remote;

	for (size_t i = 0; i < owners->group_count; i++) {
		struct group *group = &owners->groups[i];

		if (group->server == server &&
		    (server ? group->end.port == end->port : same_end(&group->end, end))) {
			group->count++;
			return;
		}
	}
	if (owners->group_count < OWNERS_GROUPS)
		owners->groups[owners->group_count++] = (struct group){
			.server = server,
			.end = *end,
			.count = 1,
			.inode = server ? owners->listeners[row->local.port] : 0};
}

/* Since when: as at the last look, where it was there. */
static void note_close_wait(struct owners *owners, const struct socket_row *row)
{
	struct waiting *waiting = &owners->waiting[owners->waiting_count];

	if (owners->waiting_count == OWNERS_SOCKETS)
		return;
	*waiting = (struct waiting){.row = *row, .since_ns = owners->now_ns};
	for (size_t i = 0; i < owners->before_count; i++)
		if (owners->before[i].row.inode == row->inode &&
		    same_end(&owners->before[i].row.local, &row->local) &&
		    same_end(&owners->before[i].row.remote, &row->remote))
			waiting->since_ns = owners->before[i].since_ns;
	owners->waiting_count++;
}

static void take_listener(void *context, const struct socket_row *row)
{
	struct owners *owners = context;

	owners->listeners[row->local.port] = row->inode;
}

static void take_socket(void *context, const struct socket_row *row)
{
	if (row->state == SOCKET_CLOSE_WAIT)
		note_close_wait(context, row);
	else if (row->state == SOCKET_TIME_WAIT)
		count_time_wait(context, row);
}

static void take_established(void *context, const struct socket_row *row)
{
	struct owners *owners = context;

	for (size_t i = 0; i < owners->group_count; i++)
		if (!owners->groups[i].server && same_end(&owners->groups[i].end, &row->remote))
			owners->groups[i].inode = row->inode;
}

static bool read_all(struct owners *owners, struct error *err)
{
	struct waiting *before = owners->before;
	bool clients = false;

	owners->before = owners->waiting;
	owners->before_count = owners->waiting_count;
	owners->waiting = before;
	owners->waiting_count = owners->group_count = 0;
	memset(owners->listeners, 0, PORTS * sizeof(*owners->listeners));
	if (!socket_table_read(owners->netlink, 1 << SOCKET_LISTEN, take_listener, owners, err) ||
	    !socket_table_read(owners->netlink, 1 << SOCKET_CLOSE_WAIT | 1 << SOCKET_TIME_WAIT,
			       take_socket, owners, err))
		return false;
	for (size_t i = 0; i < owners->group_count; i++)
		clients |= !owners->groups[i].server && owners->groups[i].count >= owners->busy;
	return !clients || socket_table_read(owners->netlink, 1 << SOCKET_ESTABLISHED,
					     take_established, owners, err);
}

/* The holders of all sockets that may be told of; NULL with err without memory. */
static struct socket_holder *find_holders(const struct owners *owners, size_t *count,
					  struct error *err)
{
	struct socket_holder *holders = calloc(owners->waiting_count + owners->group_count + 1,
					       sizeof(*holders));

	*count = 0;
	if (!holders) {
		error_set(err, "no memory to look at processes");
		return NULL;
	}
	for (size_t i = 0; i < owners->waiting_count; i++)
		if (owners->now_ns - owners->waiting[i].since_ns >= owners->stuck_ns)
			holders[(*count)++].inode = owners->waiting[i].row.inode;
	for (size_t i = 0; i < owners->group_count; i++)
		if (owners->groups[i].count >= owners->busy && owners->groups[i].inode != 0)
			holders[(*count)++].inode = owners->groups[i].inode;
	socket_holders_find(holders, *count);
	return holders;
}

static struct owner_row row_for(enum owner_kind kind, const struct socket_holder *holder)
{
	struct owner_row row = {.kind = kind};

	if (holder) {
		row.pid = holder->pid;
		memcpy(row.name, holder->name, sizeof(row.name));
	}
	return row;
}

/* One row a process; those that hold the most come first when all are told. */
static size_t tell_close_wait(const struct owners *owners, const struct socket_holder *holders,
			      size_t holder_count, struct owner_row rows[OWNERS_ROWS])
{
	size_t count = 0;

	for (size_t i = 0; i < owners->waiting_count; i++) {
		const struct waiting *waiting = &owners->waiting[i];
		int64_t age = owners->now_ns - waiting->since_ns;
		struct owner_row row = row_for(
			OWNER_CLOSE_WAIT,
			socket_holder_of(holders, holder_count, waiting->row.inode));
		size_t at = 0;

		if (age < owners->stuck_ns)
			continue;
		while (at < count && rows[at].pid != row.pid)
			at++;
		if (at == OWNERS_ROWS)
			continue;
		if (at == count) {
			row.oldest_ns = -1;
			rows[count++] = row;
		}
		rows[at].count++;
		if (age > rows[at].oldest_ns) {
			rows[at].oldest_ns = age;
			rows[at].local = waiting->row.local;
			rows[at].remote = waiting->row.remote;
		}
	}
	return count;
}

static size_t tell_time_wait(const struct owners *owners, const struct socket_holder *holders,
			     size_t holder_count, struct owner_row *rows, size_t count)
{
	for (size_t i = 0; i < owners->group_count && count < OWNERS_ROWS; i++) {
		const struct group *group = &owners->groups[i];
		struct owner_row row;

		if (group->count < owners->busy)
			continue;
		row = row_for(group->server ? OWNER_TIME_WAIT_SERVER : OWNER_TIME_WAIT_CLIENT,
			      group->inode ? socket_holder_of(holders, holder_count, group->inode)
					   : NULL);
		row.count = group->count;
		if (group->server)
			row.local = group->end;
		else
			row.remote = group->end;
		rows[count++] = row;
	}
	return count;
}

static int compare(const void *one, const void *other)
{
	const struct owner_row *a = one, *b = other;
	bool a_last = a->kind != OWNER_CLOSE_WAIT, b_last = b->kind != OWNER_CLOSE_WAIT;

	return a_last != b_last ? a_last - b_last : (a->count < b->count) - (a->count > b->count);
}

size_t owners_look(struct owners *owners, int64_t now_ns, struct owner_row rows[OWNERS_ROWS],
		   struct error *err)
{
	struct socket_holder *holders;
	size_t holder_count, count;

	owners->now_ns = now_ns;
	if (!read_all(owners, err))
		return 0;
	holders = find_holders(owners, &holder_count, err);
	if (!holders)
		return 0;
	count = tell_close_wait(owners, holders, holder_count, rows);
	count = tell_time_wait(owners, holders, holder_count, rows, count);
	free(holders);
	qsort(rows, count, sizeof(*rows), compare);
	return count;
}

const char *owner_sentence(const struct owner_row *row, char out[OWNER_SENTENCE_SIZE])
{
	char who[OWNER_NAME_SIZE + 24] = "a process that cannot be seen";
	char end[BOARD_END_SIZE], age[FORMAT_SIZE], count[FORMAT_SIZE];

	if (row->pid > 0)
		snprintf(who, sizeof(who), "%s (%d)", row->name, (int)row->pid);
	format_count(count, row->count);
	if (row->kind == OWNER_CLOSE_WAIT)
		snprintf(out, OWNER_SENTENCE_SIZE,
			 "%s holds %s socket%s in CLOSE_WAIT, the oldest %s for %s", who, count,
			 row->count == 1 ? "" : "s", board_end_text(&row->local, end),
			 format_duration(age, row->oldest_ns / 1000000000 * 1000000000));
	else if (row->kind == OWNER_TIME_WAIT_SERVER)
		snprintf(out, OWNER_SENTENCE_SIZE,
			 "%s sockets in TIME_WAIT at port %u, where %s listens", count,
			 row->local.port, who);
	else
		snprintf(out, OWNER_SENTENCE_SIZE, "%s sockets in TIME_WAIT to %s, called by %s",
			 count, board_end_text(&row->remote, end), who);
	return out;
}
