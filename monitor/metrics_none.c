/* In place of metrics_server.c where libmicrohttpd is not there. */
#include <stddef.h>

#include "monitor/metrics.h"

struct metrics_server *metrics_open(const struct board *board, const char *address,
				    struct error *err)
{
	(void)board;
	(void)address;
	error_set(err, "lastack was built without libmicrohttpd: it cannot serve metrics");
	return NULL;
}

void metrics_close(struct metrics_server *server)
{
	(void)server;
}

uint16_t metrics_port(const struct metrics_server *server)
{
	(void)server;
	return 0;
}

int metrics_descriptor(const struct metrics_server *server)
{
	(void)server;
	return -1;
}

void metrics_forked(const struct metrics_server *server)
{
	(void)server;
}

void metrics_serve(struct metrics_server *server)
{
	(void)server;
}
