#include "streams/dpi.h"

#include <ndpi_api.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "streams/application_table.h"
#include "streams/dpi_memo.h"
#include "streams/dpi_packet.h"
#include "streams/dpi_ports.h"
#include "streams/dpi_words.h"

enum {
	PACKETS_MAX = 80, /* given to nDPI of one connection, as ndpiReader does */
	GAP_MAX = 1000,   /* see pass_gap */
	MEMO_BYTES = 4 << 20,
};

/* One connection: small once it is decided, and it may be remembered for long after. */
struct watched {
	const struct application *application; /* NULL: undecided, or nothing is known */
	struct ndpi_flow_struct *flow; /* NULL: no payload so far, a repetition, or decided */
	struct dpi_step *step; /* held: how far it has got; NULL: not followed, or decided */
	struct watched *older, *newer; /* among those with a flow */
	struct moment at;              /* of the latest piece that nDPI was given */
	struct dpi_ends ends;
	uint32_t next[SIDES]; /* sequence numbers of the packets made for nDPI */
	ndpi_protocol found;  /* what nDPI said last */
	uint32_t bytes;       /* of flow, as accounted for */
	uint8_t packets;      /* given to nDPI */
	uint8_t last;         /* who sent the last of them, once spoken */
	bool midstream, started, spoken, decided;
};

struct dpi {
	struct ndpi_detection_module_struct *module;
	struct application_table *applications;
	struct dpi_memo *memo;
	struct dpi_config config;
	struct dpi_counts counts;
	struct watched *oldest, *newest; /* those with a flow */
	struct dpi_ports ports;
	uint8_t packet[DPI_PACKET_ROOM];
};

struct dpi_config dpi_defaults(void)
{
	return (struct dpi_config){.max_memory = 64U << 20, .max_results = 64U << 20};
}

const char *dpi_version(void)
{
	return ndpi_revision();
}

/* nDPI uses what it allocated without a look: where there is no memory it would crash. So the program
 * ends here, as by kill: the database keeps its old rows. */
static void *memory_or_end(size_t size)
{
	static const char message[] = "lastack: out of memory in nDPI; --no-dpi needs less\n";
	void *memory = malloc(size);

	if (memory)
		return memory;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

struct dpi *dpi_new(const struct dpi_config *config, struct error *err)
{
	struct dpi *dpi = calloc(1, sizeof(*dpi));
	NDPI_PROTOCOL_BITMASK all;

	if (!dpi) {
		error_set(err, "out of memory");
		return NULL;
	}
	/* its structures are in the header: a library of another version would overrun ours */
	if (ndpi_get_api_version() != NDPI_API_VERSION ||
	    ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(struct ndpi_flow_struct)) {
		error_set(err,
			  "the installed libndpi (%s) is not the one this lastack was built for; "
			  "use --no-dpi",
			  ndpi_revision());
		free(dpi);
		return NULL;
	}
	set_ndpi_malloc(memory_or_end);
	set_ndpi_flow_malloc(memory_or_end);
	dpi->config = *config;
	dpi->applications = application_table_new(config->max_results, config->hash_key);
	/* only QUIC needs libgcrypt, and that is UDP */
	dpi->module = ndpi_init_detection_module(ndpi_dont_init_libgcrypt);
	if (dpi->applications)
		dpi->memo = dpi_memo_new(MEMO_BYTES, config->hash_key, dpi->applications);
	if (!dpi->memo || !dpi->module) {
		error_set(err, "out of memory");
		dpi_free(dpi);
		return NULL;
	}
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(dpi->module, &all);
	ndpi_finalize_initialization(dpi->module);
	return dpi;
}

/* What a flow takes: the structure, and the buffers in it that can grow. */
static uint32_t bytes_of(const struct ndpi_flow_struct *flow)
{
	return (uint32_t)sizeof(*flow) + flow->l4.tcp.tls.message.buffer_len +
	       flow->kerberos_buf.pktbuf_maxlen;
}

static void account(struct dpi *dpi, struct watched *w)
{
	uint32_t bytes = bytes_of(w->flow);

	dpi->counts.bytes += (size_t)bytes - w->bytes;
	w->bytes = bytes;
	if (dpi->counts.bytes > dpi->counts.peak_bytes)
		dpi->counts.peak_bytes = dpi->counts.bytes;
}

static bool flow_open(struct dpi *dpi, struct watched *w, struct error *err)
{
	w->flow = ndpi_flow_malloc(sizeof(*w->flow));
	if (!w->flow)
		return error_set(err, "out of memory");
	memset(w->flow, 0, sizeof(*w->flow));
	w->older = dpi->newest;
	w->newer = NULL;
	*(dpi->newest ? &dpi->newest->newer : &dpi->oldest) = w;
	dpi->newest = w;
	if (++dpi->counts.undecided > dpi->counts.peak_undecided)
		dpi->counts.peak_undecided = dpi->counts.undecided;
	account(dpi, w);
	return true;
}

static void flow_close(struct dpi *dpi, struct watched *w)
{
	*(w->newer ? &w->newer->older : &dpi->newest) = w->older;
	*(w->older ? &w->older->newer : &dpi->oldest) = w->newer;
	dpi->counts.undecided--;
	dpi->counts.bytes -= w->bytes;
	w->bytes = 0;
	ndpi_free_flow(w->flow);
	w->flow = NULL;
}

static void leave_step(struct dpi *dpi, struct watched *w)
{
	dpi_memo_leave(dpi->memo, w->step);
	w->step = NULL;
}

static void count_result(struct dpi *dpi, const struct application *result)
{
	if (!result || !result->name)
		dpi->counts.unknown++;
	else if (result->guessed)
		dpi->counts.guessed++;
	else
		dpi->counts.identified++;
	dpi->counts.results = application_table_count(dpi->applications);
	dpi->counts.result_bytes = application_table_bytes(dpi->applications);
	dpi->counts.shortened = application_table_shortened(dpi->applications);
}

/* The result, from nDPI's words; and the end of its flow. */
static bool decide(struct dpi *dpi, struct watched *w, struct error *err)
{
	struct dpi_words words;
	struct application a;
	uint8_t guessed = 0;

	if (w->found.app_protocol == NDPI_PROTOCOL_UNKNOWN)
		w->found = ndpi_detection_giveup(dpi->module, w->flow, 1, &guessed);
	a = dpi_words_of(dpi->module, w->flow, w->found, &words);
	w->decided = true;
	leave_step(dpi, w);
	flow_close(dpi, w);
	if (a.name || a.risk_count > 0) {
		w->application = application_take(dpi->applications, &a);
		if (!w->application)
			return error_set(err, "out of memory");
	}
	count_result(dpi, w->application);
	return true;
}

/* nDPI has named it, and nothing more can come: no certificate, no answer's status, no host. */
static bool is_settled(struct dpi *dpi, const struct watched *w)
{
	const struct ndpi_flow_struct *flow = w->flow;

	if (flow->fail_with_unknown || w->packets >= PACKETS_MAX)
		return true;
	if (w->found.app_protocol == NDPI_PROTOCOL_UNKNOWN)
		return false;
	return !flow->check_extra_packets || !flow->extra_packets_func ||
	       !ndpi_extra_dissection_possible(dpi->module, w->flow);
}

static void give(struct dpi *dpi, struct watched *w, const struct dpi_packet *packet)
{
	size_t length = dpi_packet_write(&w->ends, packet, dpi->packet);
	uint64_t time_ms = (uint64_t)(w->at.ts_ns / 1000000);

	w->found = ndpi_detection_process_packet(dpi->module, w->flow, dpi->packet,
						 (unsigned short)length, time_ms);
	w->packets++;
	account(dpi, w);
}

/* What came before the first bytes, where it can be known: numbers count from here on. */
static void give_handshake(struct dpi *dpi, struct watched *w)
{
	uint32_t initiator = w->next[SIDE_INITIATOR], responder = w->next[SIDE_RESPONDER];
	const struct dpi_packet packets[] = {
		{.from = SIDE_INITIATOR, .seq = initiator - 1, .flags = TCP_SYN},
		{.from = SIDE_RESPONDER,
		 .seq = responder - 1,
		 .ack = initiator,
		 .flags = TCP_SYN | TCP_ACK},
		{.from = SIDE_INITIATOR, .seq = initiator, .ack = responder, .flags = TCP_ACK},
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		give(dpi, w, &packets[i]);
}

/* ---- what has been said before, by the same two ---- */

/* Where its conversation is looked up. A client's port tells nothing where the system chose it, and nDPI knows
 * of no service there. */
static struct dpi_step *root_of(struct dpi *dpi, const struct watched *w)
{
	struct dpi_ends ends = w->ends;

	if (w->midstream)
		return NULL;
	if (dpi_port_is_chosen(&dpi->ports, dpi->module, ends.port[SIDE_INITIATOR]))
		ends.port[SIDE_INITIATOR] = 0;
	return dpi_memo_start(dpi->memo, &ends);
}

/* A piece that has come at this step before: nDPI need not see it. False: it must, and all so far. */
static bool repeats(struct dpi *dpi, struct watched *w, const struct stream_data *data)
{
	const struct application *known = NULL;
	struct dpi_step *step;

	if (w->flow || !w->step || !data->bytes)
		return false;
	step = dpi_memo_find(dpi->memo, w->step, data->side, data->bytes, data->length);
	if (step && step->application)
		known = application_share(step->application);
	if (!step)
		return false;
	leave_step(dpi, w);
	w->step = step;
	if (!known)
		return true;
	leave_step(dpi, w);
	w->application = known;
	w->decided = true;
	dpi->counts.repeated++;
	count_result(dpi, known);
	return true;
}

/* nDPI has been given this piece at the place that *w stands for. */
static void remember_piece(struct dpi *dpi, struct watched *w, const struct stream_data *data)
{
	struct dpi_step *step = NULL;

	if (!w->step)
		return;
	if (data->bytes)
		step = dpi_memo_add(dpi->memo, w->step, data->side, data->bytes, data->length);
	leave_step(dpi, w);
	w->step = step;
}

/* It has enough with this piece; what nDPI says of the bytes themselves it will say again of the same ones. Not of
 * certificates: whether they have expired depends on the time. Nor is kept what lacks something for want of
 * room. */
static bool settle(struct dpi *dpi, struct watched *w, const struct stream_data *data,
		   struct error *err)
{
	struct dpi_step *before = w->step, *step;
	uint64_t shortened = application_table_shortened(dpi->applications);
	bool dated = w->flow->l4.tcp.tls.certificate_processed, keep;

	w->step = NULL;
	if (!decide(dpi, w, err)) {
		dpi_memo_leave(dpi->memo, before);
		return false;
	}
	keep = before && data->bytes && w->application && w->application->name &&
	       !w->application->guessed && !dated &&
	       application_table_shortened(dpi->applications) == shortened;
	step = keep ? dpi_memo_add(dpi->memo, before, data->side, data->bytes, data->length) : NULL;
	if (step)
		dpi_memo_decide(dpi->memo, step, w->application);
	dpi_memo_leave(dpi->memo, step);
	dpi_memo_leave(dpi->memo, before);
	return true;
}

/* ---- */

/* Bytes that were never captured. nDPI takes what lies far ahead for a retransmission, so it is told of
 * a small gap only, whatever its size: it shall see that something is missing. */
static void pass_gap(struct watched *w, const struct stream_data *data)
{
	w->next[data->side] += data->length > GAP_MAX ? GAP_MAX : (uint32_t)data->length;
}

/* Who answers acknowledges first, most often in a segment of its own. Without one nDPI 4.2 takes an HTTP
 * response for more of the request, and does not look at its contents. */
static void give_ack(struct dpi *dpi, struct watched *w, enum side from)
{
	struct dpi_packet packet = {
		.from = from, .seq = w->next[from], .ack = w->next[!from], .flags = TCP_ACK};

	if (w->spoken && w->last != from)
		give(dpi, w, &packet);
	w->spoken = true;
	w->last = (uint8_t)from;
}

static void pass_bytes(struct dpi *dpi, struct watched *w, const struct stream_data *data)
{
	uint64_t done = 0;

	give_ack(dpi, w, data->side);
	while (done < data->length && !is_settled(dpi, w)) {
		uint64_t left = data->length - done;
		struct dpi_packet packet = {
			.from = data->side,
			.seq = w->next[data->side],
			.ack = w->next[!data->side],
			.flags = TCP_ACK | TCP_PSH,
			.payload = data->bytes + done,
			.length = left > DPI_PAYLOAD_MAX ? DPI_PAYLOAD_MAX : (size_t)left,
		};

		give(dpi, w, &packet);
		w->next[data->side] += (uint32_t)packet.length;
		done += packet.length;
	}
}

/* The conversation's steps so far, first things first. */
static void pass_steps(struct dpi *dpi, struct watched *w, const struct dpi_step *step)
{
	struct stream_data data[DPI_MEMO_DEPTH_MAX];
	size_t count = 0;

	for (; step && step->before; step = step->before)
		data[count++] = (struct stream_data){.side = (enum side)step->side,
						     .bytes = step->bytes,
						     .length = step->length};
	while (count-- > 0)
		pass_bytes(dpi, w, &data[count]);
}

/* nDPI's own view of it begins, with all that has come before. */
static bool begin(struct dpi *dpi, struct watched *w, struct error *err)
{
	if (!flow_open(dpi, w, err))
		return false;
	if (!w->midstream)
		give_handshake(dpi, w);
	pass_steps(dpi, w, w->step);
	return true;
}

/* The first bytes, or a gap in their place: numbers count from here on. */
static void start(struct dpi *dpi, struct watched *w, const struct stream_data *data)
{
	w->started = true;
	w->next[data->side] = data->seq;
	w->next[!data->side] = data->flags & TCP_ACK ? data->ack : 0;
	w->step = root_of(dpi, w);
}

/* A piece for nDPI. */
static bool take(struct dpi *dpi, struct watched *w, const struct stream_data *data,
		 struct error *err)
{
	if (!w->flow && !begin(dpi, w, err))
		return false;
	if (data->bytes)
		pass_bytes(dpi, w, data);
	else
		pass_gap(w, data);
	if (is_settled(dpi, w))
		return settle(dpi, w, data, err);
	remember_piece(dpi, w, data);
	return true;
}

static bool on_open(void *context, const struct stream_origin *origin, struct reading *reading,
		    struct error *err)
{
	struct watched *w = calloc(1, sizeof(*w));

	(void)context;
	if (!w)
		return error_set(err, "out of memory");
	w->ends.ip_version = origin->ip_version;
	for (int side = 0; side < SIDES; side++) {
		w->ends.address[side] = origin->address[side];
		w->ends.port[side] = origin->port[side];
		reading->wants[side] = true;
	}
	w->midstream = origin->midstream;
	w->at = (struct moment){
		.ts_ns = origin->first_ns, .packet = origin->first_packet, .file = origin->file};
	reading->state = w;
	return true;
}

static bool on_data(void *context, struct reading *reading, const struct stream_data *data,
		    struct error *err)
{
	struct watched *w = reading->state;
	struct dpi *dpi = context;

	if (!w->decided) {
		w->at = data->at;
		if (!w->started)
			start(dpi, w, data);
		if (!repeats(dpi, w, data) && !take(dpi, w, data, err))
			return false;
	}
	if (w->decided)
		reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = false;
	while (dpi->counts.bytes > dpi->config.max_memory && dpi->oldest) {
		dpi->counts.guessed_early++;
		if (!decide(dpi, dpi->oldest, err))
			return false;
	}
	return true;
}

/* It was not settled, and nothing more comes. */
static bool end(struct dpi *dpi, struct watched *w, struct error *err)
{
	return (w->flow || begin(dpi, w, err)) && decide(dpi, w, err);
}

/* Mostly nothing more comes: what is not settled now need not wait for the verdict, minutes away. */
static bool on_ended(void *context, struct reading *reading, struct error *err)
{
	struct watched *w = reading->state;
	struct dpi *dpi = context;

	if (!w->decided && w->started && !end(dpi, w, err))
		return false;
	if (w->decided)
		reading->wants[SIDE_INITIATOR] = reading->wants[SIDE_RESPONDER] = false;
	return true;
}

/* No payload came: nDPI guesses from the first segment. */
static bool guess_unused(struct dpi *dpi, struct watched *w, struct error *err)
{
	struct dpi_packet first = {.from = SIDE_INITIATOR,
				   .flags = w->midstream ? TCP_ACK : TCP_SYN};

	if (!flow_open(dpi, w, err))
		return false;
	give(dpi, w, &first);
	return true;
}

static bool on_finish(void *context, struct reading *reading, struct epilogue *epilogue,
		      struct error *err)
{
	struct watched *w = reading->state;
	struct dpi *dpi = context;

	if (!w->decided && !w->started && !guess_unused(dpi, w, err))
		return false;
	if (!w->decided && !end(dpi, w, err))
		return false;
	epilogue->application = w->application;
	epilogue->application_at = w->at;
	return true;
}

static bool on_close(void *context, struct reading *reading, const struct verdict *verdict,
		     struct error *err)
{
	struct watched *w = reading->state;
	struct dpi *dpi = context;

	(void)verdict;
	(void)err;
	if (!w) /* open failed */
		return true;
	if (w->flow)
		flow_close(dpi, w);
	leave_step(dpi, w);
	if (w->application)
		application_drop(dpi->applications, w->application);
	free(w);
	reading->state = NULL;
	return true;
}

struct consumer dpi_consumer(struct dpi *dpi)
{
	return (struct consumer){.context = dpi,
				 .open = on_open,
				 .data = on_data,
				 .ended = on_ended,
				 .finish = on_finish,
				 .close = on_close,
				 .early = true};
}

const struct dpi_counts *dpi_counts(const struct dpi *dpi)
{
	return &dpi->counts;
}

void dpi_free(struct dpi *dpi)
{
	if (!dpi)
		return;
	while (dpi->oldest) /* the engine never closed them */
		flow_close(dpi, dpi->oldest);
	if (dpi->module)
		ndpi_exit_detection_module(dpi->module);
	dpi_memo_free(dpi->memo);
	application_table_free(dpi->applications);
	free(dpi);
}
