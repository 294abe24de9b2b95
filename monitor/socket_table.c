/* sock_diag(7): one dump an IP version. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "monitor/owners_private.h"

enum { ANSWER_SIZE = 64 * 1024 };

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

static bool ask(int netlink, uint8_t family, uint32_t states, struct error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct request request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = states},
	};

	return sendto(netlink, &request, sizeof(request), 0, (struct sockaddr *)&kernel,
		      sizeof(kernel)) == (ssize_t)sizeof(request) ||
	       error_set(err, "the kernel's sockets cannot be asked for: %s", strerror(errno));
}

static struct board_end end_of(uint8_t family, const __be32 address[4], __be16 port)
{
	struct board_end end = {.ip_version = family == AF_INET6 ? 6 : 4, .port = ntohs(port)};
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(end.address.bytes, address, family == AF_INET6 ? 16 : 4);
	if (family == AF_INET6 && memcmp(end.address.bytes, mapped, sizeof(mapped)) == 0) {
		memmove(end.address.bytes, end.address.bytes + 12, 4);
		memset(end.address.bytes + 4, 0, 12);
		end.ip_version = 4;
	}
	return end;
}

static struct socket_row row_of(const struct inet_diag_msg *m)
{
	return (struct socket_row){
		.state = m->idiag_state,
		.local = end_of(m->idiag_family, m->id.idiag_src, m->id.idiag_sport),
		.remote = end_of(m->idiag_family, m->id.idiag_dst, m->id.idiag_dport),
		.inode = m->idiag_inode,
	};
}

/* The message that begins at an aligned place, whole; NULL behind the last one. */
static const struct nlmsghdr *message_at(const uint8_t *bytes, size_t size, size_t at)
{
	const struct nlmsghdr *message;

	if (at > size || size - at < sizeof(*message))
		return NULL;
	message = (const void *)(bytes + at);
	return message->nlmsg_len >= sizeof(*message) && message->nlmsg_len <= size - at ? message
											 : NULL;
}

/* What a message brings; NULL where it is shorter than size. */
static const void *content_of(const struct nlmsghdr *message, size_t size)
{
	return message->nlmsg_len >= NLMSG_LENGTH(size) ? (const uint8_t *)message + NLMSG_HDRLEN
							: NULL;
}

static enum socket_answer answer_failed(const struct nlmsgerr *failure, struct error *err)
{
	error_set(err, "the kernel does not tell its sockets: %s",
		  strerror(failure && failure->error > -4096 ? -failure->error : EPROTO));
	return SOCKET_ANSWER_FAILED;
}

enum socket_answer socket_table_take(const void *bytes, size_t size,
				     void (*each)(void *, const struct socket_row *), void *context,
				     struct error *err)
{
	const struct nlmsghdr *message;

	for (size_t at = 0; (message = message_at(bytes, size, at)) != NULL;
	     at += NLMSG_ALIGN((size_t)message->nlmsg_len)) {
		const struct inet_diag_msg *found = content_of(message, sizeof(*found));
		struct socket_row row;

		if (message->nlmsg_type == NLMSG_DONE)
			return SOCKET_ANSWER_DONE;
		if (message->nlmsg_type == NLMSG_ERROR)
			return answer_failed(content_of(message, sizeof(struct nlmsgerr)), err);
		if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || !found)
			continue;
		row = row_of(found);
		each(context, &row);
	}
	return SOCKET_ANSWER_MORE;
}

static bool read_family(int netlink, uint8_t family, uint32_t states,
			void (*each)(void *, const struct socket_row *), void *context,
			struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[ANSWER_SIZE];
	enum socket_answer answer = SOCKET_ANSWER_MORE;

	if (!ask(netlink, family, states, err))
		return false;
	while (answer == SOCKET_ANSWER_MORE) {
		ssize_t size = recv(netlink, buffer, sizeof(buffer), 0);

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return error_set(err, "the kernel's sockets cannot be read: %s",
					 size < 0 ? strerror(errno) : "no answer");
		answer = socket_table_take(buffer, (size_t)size, each, context, err);
	}
	return answer == SOCKET_ANSWER_DONE;
}

bool socket_table_read(int netlink, uint32_t states,
		       void (*each)(void *context, const struct socket_row *row), void *context,
		       struct error *err)
{
	return read_family(netlink, AF_INET, states, each, context, err) &&
	       read_family(netlink, AF_INET6, states, each, context, err);
}
