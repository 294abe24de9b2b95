#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory_stream.h"
#include "monitor/metrics.h"

enum { CONNECTIONS = 16, CONNECTIONS_AN_ADDRESS = 8, TIMEOUT_S = 10, MEMORY = 16 * 1024 };

struct metrics_server {
	const struct board *board;
	struct MHD_Daemon *daemon;
	int epoll;
};

static const char page[] = "<!DOCTYPE html><html lang=\"en\"><title>lastack monitor</title>"
			   "<p>lastack monitor: <a href=\"/metrics\">metrics</a></p></html>\n";

/* Without memory the connection ends. text: owned, NULL without memory. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, char *text,
			      size_t size, const char *type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
		size, text, free);
	enum MHD_Result result = MHD_NO;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
				   const char *text, const char *type)
{
	return answer(connection, status, strdup(text), strlen(text), type);
}

static enum MHD_Result answer_metrics(const struct metrics_server *server,
				      struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_ACCEPT);
	enum metrics_format format = metrics_format_of(accept);
	struct snapshot snapshot;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return MHD_NO;
	snapshot_take(server->board, &snapshot);
	metrics_write(out, &snapshot, format);
	if (!memory_stream_close(out, &text)) {
		free(text);
		return MHD_NO;
	}
	return answer(connection, MHD_HTTP_OK, text, size,
		      format == METRICS_OPENMETRICS ? METRICS_TYPE_OPENMETRICS
						    : METRICS_TYPE_PROMETHEUS);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	const struct metrics_server *server = context;

	(void)version;
	(void)upload;
	(void)request;
	if (*upload_size > 0) { /* nobody has anything to tell here */
		*upload_size = 0;
		return MHD_NO;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET is understood\n", "text/plain");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(server, connection);
	if (strcmp(url, "/") == 0)
		return answer_text(connection, MHD_HTTP_OK, page, "text/html; charset=utf-8");
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is /metrics\n", "text/plain");
}

/* "9000", "127.0.0.1:9000", "[::1]:9000" */
static bool parse_address(const char *text, struct sockaddr_storage *address, struct error *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t length = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	unsigned long number = strtoul(port, NULL, 10);
	bool good = *port && strlen(port) == strspn(port, "0123456789") && strlen(port) <= 5 &&
		    number <= UINT16_MAX && length < sizeof(host);

	memset(address, 0, sizeof(*address));
	if (good && colon) {
		memcpy(host, text, length);
		host[length] = '\0';
	}
	if (good && host[0] == '[' && length > 2 && host[length - 1] == ']') {
		host[length - 1] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)number);
		good = inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
	} else if (good) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)number);
		good = inet_pton(AF_INET, host, &v4->sin_addr) == 1;
	}
	return good || error_set(err,
				 "'%s' is no address to serve metrics at: PORT, ADDRESS:PORT or "
				 "[IPV6]:PORT",
				 text);
}

static int listen_at(const char *text, struct error *err)
{
	struct sockaddr_storage address;
	const int on = 1;
	int descriptor;

	if (!parse_address(text, &address, err))
		return -1;
	descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor >= 0)
		setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (descriptor < 0 ||
	    bind(descriptor, (struct sockaddr *)&address,
		 address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					       : sizeof(struct sockaddr_in)) != 0 ||
	    listen(descriptor, CONNECTIONS) != 0) {
		error_set(err, "metrics cannot be served at %s: %s", text, strerror(errno));
		if (descriptor >= 0)
			close(descriptor);
		return -1;
	}
	return descriptor;
}

struct metrics_server *metrics_open(const struct board *board, const char *address,
				    struct error *err)
{
	struct metrics_server *server = calloc(1, sizeof(*server));
	const union MHD_DaemonInfo *info;
	int descriptor;

	if (!server) {
		error_set(err, "no memory to serve metrics");
		return NULL;
	}
	server->board = board;
	descriptor = listen_at(address, err);
	if (descriptor < 0) {
		free(server);
		return NULL;
	}
	errno = 0;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, descriptor,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_AN_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_END);
	info = server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
			      : NULL;
	if (!info) {
		error_set(err, "metrics cannot be served at %s%s%s", address, errno ? ": " : "",
			  errno ? strerror(errno) : "");
		close(descriptor);
		metrics_close(server);
		return NULL;
	}
	server->epoll = info->epoll_fd;
	return server;
}

void metrics_close(struct metrics_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon); /* closes the socket, too */
	free(server);
}

uint16_t metrics_port(const struct metrics_server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon,
							       MHD_DAEMON_INFO_LISTEN_FD);
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (!info || getsockname(info->listen_fd, (struct sockaddr *)&address, &length) != 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int metrics_descriptor(const struct metrics_server *server)
{
	return server->epoll;
}

void metrics_serve(struct metrics_server *server)
{
	MHD_run(server->daemon);
}

void metrics_forked(const struct metrics_server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon,
							       MHD_DAEMON_INFO_LISTEN_FD);

	if (info)
		close(info->listen_fd);
	close(server->epoll);
}
