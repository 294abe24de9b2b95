/* What the host tells the monitor: the kernel's sockets as netlink messages, the links and names of /proc
 * that any user can make, and what somebody asks of the metrics.
 *
 * The first byte says which; the rest are its bytes. */
#include <string.h>

#include "monitor/metrics.h"
#include "monitor/owners_private.h"
#include "tests/fuzz/fuzz.h"

enum what { SOCKETS, LINK, NAME, ACCEPT, WHATS };

static void take_row(void *context, const struct socket_row *row)
{
	size_t *rows = context;
	char text[BOARD_END_SIZE];

	MUST(row->local.ip_version == 4 || row->local.ip_version == 6);
	MUST(strlen(board_end_text(&row->local, text)) < sizeof(text));
	MUST(strlen(board_end_text(&row->remote, text)) < sizeof(text));
	(*rows)++;
}

/* Each row has bytes of its own; a failure is told, and only that. */
static void sockets(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = exact_copy(bytes, size);
	struct error err = {""};
	size_t rows = 0;
	enum socket_answer answer = socket_table_take(copy, size, take_row, &rows, &err);

	MUST(rows * 16 <= size);
	MUST((answer == SOCKET_ANSWER_FAILED) == (err.text[0] != '\0'));
	free(copy);
}

/* A number comes back as it was, and from nothing else but such a link. */
static void socket_link(const char *text)
{
	uint64_t inode = socket_inode_of(text);
	char again[64];

	if (inode == 0)
		return;
	MUST(strncmp(text, "socket:[", 8) == 0 && text[strlen(text) - 1] == ']');
	snprintf(again, sizeof(again), "socket:[%llu]", (unsigned long long)inode);
	MUST(socket_inode_of(again) == inode);
}

/* One sentence with the name whole; who prints it escapes it, as the harness text sees to. */
static void process_name(const char *text, uint8_t kind)
{
	struct owner_row row = {.kind = (enum owner_kind)(kind % 3),
				.local = {.ip_version = 4, .port = 80},
				.remote = {.ip_version = 6, .port = 443},
				.count = 1u + kind,
				.oldest_ns = INT64_C(130000000000),
				.pid = 812};
	char out[OWNER_SENTENCE_SIZE];

	snprintf(row.name, sizeof(row.name), "%s", text);
	owner_sentence(&row, out);
	MUST(strstr(out, row.name) && strlen(out) > strlen(row.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	uint8_t what = choose_u8(&c);
	char *text = malloc(c.left + 1);

	MUST(text);
	if (c.left > 0)
		memcpy(text, c.at, c.left);
	text[c.left] = '\0';
	switch (what % WHATS) {
	case SOCKETS:
		sockets(c.at, c.left);
		break;
	case LINK:
		socket_link(text);
		break;
	case NAME:
		process_name(text, what / WHATS);
		break;
	default:
		MUST(metrics_format_of(text) <= METRICS_OPENMETRICS);
	}
	free(text);
	return 0;
}
