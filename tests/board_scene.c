#include "board_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

enum { SERVERS = 12, ENDS_A_SECOND = 9 };

static uint32_t draw(struct board_scene *scene, uint32_t below)
{
	scene->random = scene->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(scene->random >> 33) % below;
}

void board_scene_open(struct board_scene *scene)
{
	static const char *const names[] = {"eth0", "eth1"};

	memset(scene, 0, sizeof(*scene));
	scene->board = board_new(NULL);
	if (!scene->board)
		abort();
	scene->random = 1;
	scene->now_ns = BOARD_SCENE_START;
	scene->board->started_ns = BOARD_SCENE_START;
	scene->board->interface_count = 2;
	for (int i = 0; i < 2; i++) {
		strcpy(scene->board->interfaces[i].name, names[i]);
		scene->board->interfaces[i].up = 1;
	}
	scene->board->last_commit_ns = BOARD_SCENE_START;
}

static struct board_end end_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct board_end end = {.ip_version = 4, .port = port};

	memcpy(end.address.bytes, (uint8_t[]){a, b, c, d}, 4);
	return end;
}

static struct board_end server_of(unsigned n)
{
	static const uint16_t ports[] = {443, 80, 8080, 5432, 6379, 8443};
	struct board_end end;

	if (n % SERVERS != 5)
		return end_of(192, 0, 2, (uint8_t)(80 + n % SERVERS), ports[n % 6]);
	end = (struct board_end){.ip_version = 6, .port = 443};
	memcpy(end.address.bytes,
	       (uint8_t[]){0x20, 0x01, 0x0d, 0xb8, 0, 7, 0, 0, 0x02, 0x11, 0x32, 0xff, 0xfe, 1, 2,
			   3},
	       16);
	return end;
}

struct board_event board_scene_event(const struct board_scene *scene, enum board_event_kind kind)
{
	return (struct board_event){
		.kind = (uint8_t)kind,
		.severity = SEVERITY_WARNING,
		.side = SIDE_NONE,
		.teardown = TEARDOWN_RST_ABORT,
		.end_reason = END_RESET,
		.closer = SIDE_NONE,
		.rst_cause = RST_CAUSE_APPLICATION_ABORT,
		.ts_ns = scene->now_ns,
		.initiator = end_of(10, 0, 0, 9, 51000),
		.responder = end_of(192, 0, 2, 80, 443),
	};
}

static void tell_finding(struct board_scene *scene, struct board_event event)
{
	event.kind = BOARD_FINDING;
	event.side = SIDE_RESPONDER;
	event.code = event.teardown == TEARDOWN_HALF_CLOSED ? FINDING_CLOSE_WAIT_STUCK
							    : FINDING_DATA_AFTER_FIN;
	event.severity = (uint8_t)finding_kind(event.code)->severity;
	snprintf(event.detail, sizeof(event.detail),
		 event.code == FINDING_CLOSE_WAIT_STUCK
			 ? "The responder stayed in CLOSE_WAIT for %u s: its application had not "
			   "closed."
			 : "The responder sends %u bytes reaching beyond its FIN.",
		 60 + draw(scene, 300));
	scene->board->findings[event.code]++;
	board_tell(scene->board, &event);
}

static void play_end(struct board_scene *scene)
{
	/* of 1,000 */
	static const struct {
		uint32_t below;
		enum teardown teardown;
	} classes[] = {{610, TEARDOWN_FOUR_WAY},    {820, TEARDOWN_THREE_SEGMENT},
		       {880, TEARDOWN_RST_ABORT},   {920, TEARDOWN_RST_AFTER_FIN},
		       {950, TEARDOWN_REFUSED},     {975, TEARDOWN_UNANSWERED},
		       {990, TEARDOWN_HALF_CLOSED}, {1000, TEARDOWN_SIMULTANEOUS}};
	struct board_event event = board_scene_event(scene, BOARD_TEARDOWN);
	uint32_t dice = draw(scene, 1000);
	unsigned server = (draw(scene, 8) * draw(scene, 8)) % SERVERS, i = 0;

	while (dice >= classes[i].below)
		i++;
	event.teardown = (uint8_t)classes[i].teardown;
	event.closer = event.rst_cause = 0;
	event.end_reason = END_CLOSED;
	if (event.teardown >= TEARDOWN_RST_ABORT && event.teardown <= TEARDOWN_RST_AFTER_FIN) {
		event.end_reason = END_RESET;
		event.rst_cause = (uint8_t)(1 + draw(scene, RST_CAUSES - 1));
	}
	event.initiator = end_of(10, 0, (uint8_t)draw(scene, 3), (uint8_t)(1 + draw(scene, 250)),
				 (uint16_t)(32768 + draw(scene, 28000)));
	event.responder = server_of(server);
	event.connection_id = (int64_t)++scene->board->connections;
	scene->board->teardowns[event.teardown]++;
	scene->board->end_reasons[event.end_reason]++;
	scene->board->rst_causes[event.rst_cause]++;
	scene->all[server]++;
	scene->bad[server] += i >= 2 && i < 7;
	board_tell(scene->board, &event);
	if (event.teardown == TEARDOWN_HALF_CLOSED || draw(scene, 60) == 0)
		tell_finding(scene, event);
}

static void put_servers(struct board_scene *scene)
{
	struct board_server servers[SERVERS];
	uint32_t count = 0;

	for (unsigned n = 0; n < SERVERS; n++) {
		struct board_server *server = &servers[count];

		if (scene->all[n] == 0)
			continue;
		*server = (struct board_server){
			.end = server_of(n), .connections = scene->all[n], .bad = scene->bad[n]};
		server->teardowns[TEARDOWN_RST_ABORT] = scene->bad[n];
		server->teardowns[TEARDOWN_FOUR_WAY] = scene->all[n] - scene->bad[n];
		count++;
	}
	for (uint32_t i = 1; i < count; i++) /* the worst first */
		for (uint32_t at = i; at > 0 && servers[at].bad > servers[at - 1].bad; at--) {
			struct board_server other = servers[at];

			servers[at] = servers[at - 1];
			servers[at - 1] = other;
		}
	board_put_servers(scene->board, servers, count);
}

void board_scene_play(struct board_scene *scene)
{
	static const uint32_t open[ENDPOINT_STATES] = {
		[STATE_ESTABLISHED] = 811, [STATE_FIN_WAIT_1] = 2,  [STATE_FIN_WAIT_2] = 14,
		[STATE_TIME_WAIT] = 377,   [STATE_CLOSE_WAIT] = 23, [STATE_LAST_ACK] = 1,
		[STATE_CLOSED] = 19};
	struct board *board = scene->board;
	uint32_t packets = 11000 + draw(scene, 3000) + 4000 * (scene->second % 20 < 5);

	scene->now_ns += NS_PER_S;
	scene->second++;
	board->last_packet_ns = scene->now_ns;
	board->packets += packets;
	board->segments += packets - 20;
	board->bytes += packets * UINT64_C(870);
	board->interfaces[0].packets += packets - 1000;
	board->interfaces[0].bytes += (packets - 1000) * UINT64_C(870);
	board->interfaces[1].packets += 1000;
	board->interfaces[1].bytes += 870000;
	for (int i = 0; i < ENDS_A_SECOND; i++)
		play_end(scene);
	put_servers(scene);
	board->open_connections = 0;
	for (int state = 0; state < ENDPOINT_STATES; state++) {
		board->open_by_state[state] = open[state] + draw(scene, 3);
		board->open_connections += board->open_by_state[state];
	}
	board->rows += ENDS_A_SECOND;
	board->commits++;
	board->database_bytes = 4096 * board->rows;
	board->memory = 900 * board->open_connections;
	board->last_commit_ns = scene->now_ns;
}
