#include "monitor/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "db/address.h"
#include "report/format.h"
#include "report/json_writer.h"

void lines_open(struct lines *lines, FILE *out, const struct board *board,
		const struct alert_condition *conditions, size_t condition_count, bool json,
		bool unicode)
{
	*lines = (struct lines){.out = out,
				.board = board,
				.conditions = conditions,
				.condition_count = condition_count,
				.json = json,
				.unicode = unicode,
				.next = 1};
	snapshot_take(board, &lines->then);
}

static void put(const struct lines *lines, const char *text)
{
	write_terminal(lines->out, text, strlen(text), lines->unicode);
}

static void put_time(const struct lines *lines, int64_t ns)
{
	char time[FORMAT_SIZE];

	fprintf(lines->out, "%s ", format_time(time, ns));
}

static const char *kind_name(const struct board_event *event)
{
	return event->kind == BOARD_FINDING ? "finding"
	       : event->kind == BOARD_ALERT ? "alert"
					    : "trouble";
}

static void event_text(const struct lines *lines, const struct board_event *event)
{
	char initiator[BOARD_END_SIZE], responder[BOARD_END_SIZE];

	put_time(lines, event->ts_ns);
	fprintf(lines->out, "%s %s ", severity_name(event->severity),
		event->kind == BOARD_FINDING ? finding_kind(event->code)->code : kind_name(event));
	if (event->kind == BOARD_FINDING && event->responder.ip_version != 0) {
		fprintf(lines->out, "%s > %s ", board_end_text(&event->initiator, initiator),
			board_end_text(&event->responder, responder));
		if (event->connection_id > 0)
			fprintf(lines->out, "#%" PRId64 " ", event->connection_id);
	}
	put(lines, event->detail);
	putc('\n', lines->out);
}

static void json_time(struct json *json, int64_t ns)
{
	char time[FORMAT_SIZE];

	json_key_text(json, "time", format_time(time, ns));
	json_key_ns(json, "ts_ns", ns, true);
}

static void json_begin(const struct lines *lines, struct json *json, const char *event, int64_t ns)
{
	*json = (struct json){.out = lines->out};
	json_open_item(json, '{');
	json_key_text(json, "event", event);
	json_time(json, ns);
}

static void json_end(const struct lines *lines, struct json *json)
{
	json_close(json, '}');
	putc('\n', lines->out);
}

static void json_ends(struct json *json, const struct board_event *event)
{
	char address[ADDRESS_TEXT_MAX];

	if (event->responder.ip_version == 0)
		return;
	address_text(&event->initiator.address, event->initiator.ip_version, address);
	json_key_text(json, "initiator_ip", address);
	json_key_count(json, "initiator_port", event->initiator.port);
	address_text(&event->responder.address, event->responder.ip_version, address);
	json_key_text(json, "responder_ip", address);
	json_key_count(json, "responder_port", event->responder.port);
}

static void json_alert(const struct lines *lines, struct json *json,
		       const struct board_event *event)
{
	const struct alert_condition *condition;

	json_key_text(json, "state", alert_state_name(event->alert_state));
	json_key_count(json, "matching", event->alert_matching);
	json_key_count(json, "connections", event->alert_connections);
	if (event->alert >= lines->condition_count)
		return;
	condition = &lines->conditions[event->alert];
	json_key_text(json, "condition", condition->text);
	json_key(json, "value");
	fprintf(lines->out, "%.6g",
		alert_value(condition, event->alert_matching, event->alert_connections));
}

static void event_json(const struct lines *lines, const struct board_event *event)
{
	struct json json;

	json_begin(lines, &json, kind_name(event), event->ts_ns);
	json_key_text(&json, "severity", severity_name(event->severity));
	if (event->kind == BOARD_FINDING) {
		json_key_text(&json, "code", finding_kind(event->code)->code);
		json_key_text(&json, "side",
			      event->side == SIDE_NONE ? NULL : side_name(event->side));
		json_ends(&json, event);
		json_key_ns(&json, "connection_id", event->connection_id, event->connection_id > 0);
	} else if (event->kind == BOARD_ALERT) {
		json_alert(lines, &json, event);
		json_ends(&json, event);
	}
	json_key_text(&json, "detail", event->detail);
	json_end(lines, &json);
}

void lines_events(struct lines *lines)
{
	uint64_t newest = atomic_load_explicit(&lines->board->last_event, memory_order_acquire);
	struct board_event event;

	if (newest >= lines->next && newest - lines->next >= BOARD_EVENTS) {
		lines->missed += newest - lines->next + 1 - BOARD_EVENTS;
		lines->next = newest + 1 - BOARD_EVENTS;
	}
	for (; lines->next <= newest; lines->next++) {
		if (!board_event(lines->board, lines->next, &event)) {
			lines->missed++;
			continue;
		}
		lines->findings += event.kind == BOARD_FINDING;
		if (lines->json)
			event_json(lines, &event);
		else
			event_text(lines, &event);
	}
}

/* "61 four_way, 3 rst_abort", those that came, the most first. */
static void summary_teardowns(const struct lines *lines, const struct snapshot *now)
{
	bool told[TEARDOWNS] = {false};
	const char *before = " (";

	for (;;) {
		uint64_t most = 0;
		int class = 0;

		for (int i = 0; i < TEARDOWNS; i++)
			if (!told[i] && now->teardowns[i] - lines->then.teardowns[i] > most) {
				most = now->teardowns[i] - lines->then.teardowns[i];
				class = i;
			}
		if (most == 0)
			break;
		told[class] = true;
		fprintf(lines->out, "%s%" PRIu64 " %s", before, most,
			teardown_name((enum teardown) class));
		before = ", ";
	}
	fputs(*before == ',' ? ")" : "", lines->out);
}

static void summary_losses(const struct lines *lines, const struct snapshot *now)
{
	const char *before = "; dropped: ";

	for (int drop = 0; drop < BOARD_DROPS; drop++)
		if (now->drops[drop] > lines->then.drops[drop]) {
			fprintf(lines->out, "%s%s %" PRIu64, before,
				board_drop_name((enum board_drop)drop),
				now->drops[drop] - lines->then.drops[drop]);
			before = ", ";
		}
	if (*before == ';')
		fputs("; dropped: nothing", lines->out);
	for (uint32_t i = 0; i < now->interface_count; i++)
		if (!now->interfaces[i].up) {
			fputs("; down: ", lines->out);
			put(lines, now->interfaces[i].name);
		}
	if (now->store_state != BOARD_STORE_FINE)
		fprintf(lines->out, "; store %s, %" PRIu64 " rows wait",
			board_store_state_name(now->store_state), now->backlog);
	if (now->rows_lost > lines->then.rows_lost)
		fprintf(lines->out, "; %" PRIu64 " rows lost",
			now->rows_lost - lines->then.rows_lost);
	if (lines->missed > 0)
		fprintf(lines->out, "; %" PRIu64 " events came too fast to tell", lines->missed);
}

static void summary_text(const struct lines *lines, const struct snapshot *now, int64_t now_ns,
			 int64_t elapsed)
{
	char duration[FORMAT_SIZE];

	put_time(lines, now_ns);
	fprintf(lines->out,
		"summary of %s: %.0f packets/s, %.3f Mbit/s, %" PRIu64 " connections ended",
		format_duration(duration, elapsed),
		snapshot_rate(lines->then.packets, now->packets, elapsed),
		snapshot_rate(lines->then.bytes, now->bytes, elapsed) * 8e-6,
		now->connections - lines->then.connections);
	summary_teardowns(lines, now);
	fprintf(lines->out, ", %" PRIu64 " open, %" PRIu64 " findings", now->open_connections,
		lines->findings);
	summary_losses(lines, now);
	putc('\n', lines->out);
}

static void json_object(struct json *json, const char *key, const uint64_t *then,
			const uint64_t *now, int count, const char *(*name)(int))
{
	json_open_key(json, key, '{');
	for (int i = 0; i < count; i++)
		if (name(i))
			json_key_count(json, name(i), now[i] - then[i]);
	json_close(json, '}');
}

static const char *name_of_teardown(int i)
{
	return teardown_name((enum teardown)i);
}

static const char *name_of_cause(int i)
{
	return rst_cause_name((enum rst_cause)i);
}

static const char *name_of_drop(int i)
{
	return board_drop_name((enum board_drop)i);
}

static const char *name_of_state(int i)
{
	return i == STATE_CLOSED ? "opening" : endpoint_state_name((enum endpoint_state)i);
}

static void summary_json(const struct lines *lines, const struct snapshot *now, int64_t now_ns,
			 int64_t elapsed)
{
	static const uint64_t none[ENDPOINT_STATES] = {0};
	const struct snapshot *then = &lines->then;
	struct json json;

	json_begin(lines, &json, "summary", now_ns);
	json_key_ns(&json, "interval_ns", elapsed, true);
	json_key_count(&json, "packets", now->packets - then->packets);
	json_key_count(&json, "bytes", now->bytes - then->bytes);
	json_key_count(&json, "connections", now->connections - then->connections);
	json_object(&json, "teardowns", then->teardowns, now->teardowns, TEARDOWNS,
		    name_of_teardown);
	json_object(&json, "rst_causes", then->rst_causes, now->rst_causes, RST_CAUSES,
		    name_of_cause);
	json_key_count(&json, "findings", lines->findings);
	json_key_count(&json, "missed_events", lines->missed);
	json_key_count(&json, "open", now->open_connections);
	json_object(&json, "open_by_state", none, now->open_by_state, ENDPOINT_STATES,
		    name_of_state);
	json_object(&json, "dropped", then->drops, now->drops, BOARD_DROPS, name_of_drop);
	json_open_key(&json, "down", '[');
	for (uint32_t i = 0; i < now->interface_count; i++)
		if (!now->interfaces[i].up) {
			json_comma(&json);
			json_text(&json, now->interfaces[i].name);
		}
	json_close(&json, ']');
	json_key_text(&json, "store", board_store_state_name(now->store_state));
	json_key_text(&json, "trouble", now->trouble[0] ? now->trouble : NULL);
	json_key_count(&json, "rows", now->rows - then->rows);
	json_key_count(&json, "rows_waiting", now->backlog);
	json_key_count(&json, "rows_lost", now->rows_lost - then->rows_lost);
	json_end(lines, &json);
}

void lines_summary(struct lines *lines, int64_t now_ns, int64_t elapsed_ns)
{
	struct snapshot now;

	snapshot_take(lines->board, &now);
	if (lines->json)
		summary_json(lines, &now, now_ns, elapsed_ns);
	else
		summary_text(lines, &now, now_ns, elapsed_ns);
	lines->then = now;
	lines->missed = lines->findings = 0;
}

void lines_note(struct lines *lines, int64_t now_ns, const char *text)
{
	struct json json;

	if (lines->json) {
		json_begin(lines, &json, "sockets", now_ns);
		json_key_text(&json, "detail", text);
		json_end(lines, &json);
		return;
	}
	put_time(lines, now_ns);
	fputs("info sockets ", lines->out);
	put(lines, text);
	putc('\n', lines->out);
}

void lines_trouble(struct lines *lines, int64_t now_ns, const char *text)
{
	struct board_event event = {
		.kind = BOARD_TROUBLE_EVENT, .severity = SEVERITY_ERROR, .ts_ns = now_ns};

	snprintf(event.detail, sizeof(event.detail), "%s", text);
	if (lines->json)
		event_json(lines, &event);
	else
		event_text(lines, &event);
}

bool lines_flush(struct lines *lines, struct error *err)
{
	bool failed = ferror(lines->out) != 0;

	errno = 0;
	if (fflush(lines->out) != 0)
		failed = true;
	if (!failed)
		return true;
	return error_set(err, "standard output could not be written%s%s", errno ? ": " : "",
			 errno ? strerror(errno) : "");
}
