/* What the files of the diagnosis share. Nobody else includes this.
 *
 * The way: rules (diagnosis_rules.c) say which connection shows what; the walk (diagnosis_walk.c) goes
 * over the connections once and counts in slots (diagnosis_slots.c), one a code, and more where silences
 * cluster (diagnosis_silences.c); the telling (diagnosis_tell.c) makes sentences of the slots. */
#ifndef LASTACK_REPORT_DIAGNOSIS_PRIVATE_H
#define LASTACK_REPORT_DIAGNOSIS_PRIVATE_H

#include "report/diagnosis.h"
#include "report/party_counts.h"

/* In the order of docs/diagnoses.md. */
enum diagnosis_code {
	DIAGNOSIS_KEEPALIVE_RACE,
	DIAGNOSIS_RESET_ON_IDLE,
	DIAGNOSIS_RESET_ON_RESUME,
	DIAGNOSIS_RESET_AFTER_ACCEPT,
	DIAGNOSIS_RESET_IN_TRANSFER,
	DIAGNOSIS_RESET_UNREAD_DATA,
	DIAGNOSIS_RESET_STATE_LOST,
	DIAGNOSIS_KEEPALIVE_FAILED,
	DIAGNOSIS_RETRANSMISSION_FAILED,
	DIAGNOSIS_RESET_AFTER_CLOSE,
	DIAGNOSIS_RESET_INJECTED,
	DIAGNOSIS_BLIND_RESET,
	DIAGNOSIS_CLOSE_WAIT_HELD,
	DIAGNOSIS_FIN_WAIT_2_HELD,
	DIAGNOSIS_HALF_CLOSED,
	DIAGNOSIS_FIN_UNANSWERED,
	DIAGNOSIS_LAST_ACK_MISSING,
	DIAGNOSIS_FELL_SILENT,
	DIAGNOSIS_FIN_VIOLATED,
	DIAGNOSIS_PORT_REFUSED,
	DIAGNOSIS_PORT_UNANSWERED,
	DIAGNOSIS_PORT_SCAN,
	DIAGNOSIS_HANDSHAKE_UNFINISHED,
	DIAGNOSIS_PATH_REFUSED,
	DIAGNOSIS_REUSED_EARLY,
	DIAGNOSIS_TIME_WAIT_CUT_SHORT,
	DIAGNOSIS_TIME_WAIT_ASSASSINATED,
	DIAGNOSIS_TIME_WAIT_PRESSURE,
	DIAGNOSIS_EFFECTIVE_MSL,
	DIAGNOSIS_CODES
};

/* What is told of a code beside its documentation. In the sentence, {n} is "6 connections", {who} the
 * most affected party, {silence} the silence with who is known for it, {stuck} the setting. */
struct diagnosis_telling {
	struct diagnosis_kind kind;
	enum severity severity;
	const char *sentence;
	const char *clustered;        /* the sentence where there is a silence; NULL: never */
	const char *clustered_advice; /* with {silence}; NULL: as documented */
};
const struct diagnosis_telling *diagnosis_telling(enum diagnosis_code code);

/* The verdict's enumerations of one row of outcomes. */
struct outcome {
	uint8_t teardown, closer, rst_by, rst_stage, rst_cause, rst_form, open_stage;
	uint8_t time_wait_holder, end_reason, reuse_rule, reuse_answer;
	bool injected, regular, known, both_seen;
	bool reused;    /* in TIME_WAIT: time_wait_check says so */
	uint64_t rules; /* bit of each rule whose pattern it fits */
};

/* A finding of a connection, as the walk meets it. */
struct fact_finding {
	uint8_t code, side;
	int64_t ts_ns;
};

enum { FACT_FINDINGS = 32 };

/* What is known of one connection while the walk is at it. Absent: NONE_NS. */
struct facts {
	int64_t id, first_ns, last_ns;
	int64_t initiator_id, responder_id;
	uint16_t responder_port;
	int64_t application_id; /* 0: none */
	const struct outcome *outcome;
	bool answered; /* the responder had sent payload; only known where its FIN came late */
	int64_t rst_silence_ns, rst_idle_ns;
	int64_t fin_silence_ns;
	int64_t time_wait_entry_ns;
	int64_t reuse_delay_ns;
	int64_t watched_until_ns; /* of its recording: the latest packet */
	bool scanner;             /* its initiator tried many services in vain */
	bool both_captured;       /* packets of both ends */
	struct fact_finding finding[FACT_FINDINGS];
	size_t finding_count;
};

/* Whose address the diagnosis names. */
enum who { WHO_RESPONDER, WHO_INITIATOR, WHO_FINDING, WHO_FINDING_PEER, WHO_RST, WHO_CLOSER };

struct rule {
	enum diagnosis_code code;
	enum who who;
	/* bits of the values that fit; 0: all do */
	uint32_t teardown, closer, rst_by, rst_stage, rst_cause, findings;
	bool injected;
	bool exclusive; /* of these only the first that fits a connection is told */
	bool (*also)(const struct facts *facts); /* NULL: nothing else */
	/* the silence that is clustered; NULL: none */
	int64_t (*silence)(const struct facts *facts);
};

const struct rule *diagnosis_rules(size_t *count);
/* Bits of the rules that this outcome fits. */
uint64_t rules_of_outcome(const struct outcome *outcome);
/* Bits of the findings that a code's rule rests on; 0: none. */
uint32_t rule_findings(enum diagnosis_code code);
/* False: not an end that the table of aborts knows. */
bool abort_of(const struct facts *facts, enum abort_stage *stage, enum abort_by *by);

/* One diagnosis while it is counted. */
struct slot {
	enum diagnosis_code code;
	int64_t silence_ns;              /* of the peak; NONE_NS */
	int64_t shortest_ns, longest_ns; /* without a peak; NONE_NS */
	uint64_t support;                /* others that show the same silence without harm */
	uint64_t connections, parties, unlisted;
	struct time_wait_load load; /* of a time-wait-pressure: without address */
	int64_t since_ns, until_ns;
	struct diagnosis_series series;
};

struct party_tally {
	uint32_t slot; /* + 1; 0: free */
	uint16_t port; /* 0: a host */
	int64_t host_id;
	uint64_t connections;
	int64_t application_id; /* the first one met */
	uint64_t of_application;
	uint64_t with_application;
	int64_t example[DIAGNOSIS_EXAMPLES];
};

struct client_tally {
	uint32_t party; /* index + 1; 0: free */
	int64_t host_id;
	uint64_t connections;
};

/* A connection of a clustered rule, kept until the clusters are known. */
struct sample {
	int64_t silence_ns, id, ts_ns, host_id, initiator_id, application_id;
	uint16_t port;
	uint8_t code;
	bool harm; /* false: an idle close that harmed nobody */
};

struct time_wait_entry {
	int64_t entry_ns, lasts_ns; /* until 2MSL are over, or the tuple was taken again */
	uint32_t host, peer;        /* host ids */
	uint16_t port;              /* of the service, where initiated */
	bool initiated;
};

struct reuse_tally {
	int64_t host_id, shortest_ns, connection_id;
	uint64_t reuses;
};

struct diagnosis_slots {
	struct slot *slot;
	size_t count;
	struct party_tally *party; /* hash table, never shrinks: an index stays valid */
	uint32_t *party_of;        /* open addressing: index + 1 into party */
	size_t party_count, party_room;
	struct client_tally *client;
	uint32_t *client_of;
	size_t client_count, client_room;
	struct diagnosis_series frame; /* from, step and buckets of every series */
	uint8_t key[16];
};

bool slots_init(struct diagnosis_slots *slots, const struct diagnosis_series *frame);
void slots_free(struct diagnosis_slots *slots);
/* A further slot of a code; its index, or SIZE_MAX without memory. */
size_t slots_add(struct diagnosis_slots *slots, enum diagnosis_code code, int64_t silence_ns);
/* One connection of a slot. port 0: the host. client_id 0: not counted by client. */
void slots_count(struct diagnosis_slots *slots, size_t slot, const struct sample *sample);
void series_count(struct diagnosis_series *series, int64_t ts_ns);

struct diagnosis_walk {
	sqlite3 *db;
	struct error *err;
	bool broken; /* err tells why */
	struct diagnoses *out;
	struct diagnosis_slots slots;
	struct outcome *outcome; /* by id */
	size_t outcome_count;
	int64_t *scanner; /* sorted host ids */
	size_t scanner_count, scanner_room;
	struct sample *sample;
	size_t sample_count, sample_room;
	struct time_wait_entry *entry;
	size_t entry_count, entry_room;
	struct party_counts counts;
	struct reuse_tally *reuse;
	size_t reuse_count, reuse_room;
	const int64_t *recordings; /* all where recording_count is 0 */
	size_t recording_count;
	int64_t (*range)[2]; /* connections of each recording that has any */
	size_t range_count, range_room;
	int64_t stuck_ns; /* the largest of the recordings */
};

/* A recording's connections and settings. */
struct walk_recording {
	int64_t range[2];
	int64_t watched_until_ns; /* NONE_NS: no packet */
	int64_t msl_ns;
};

/* diagnosis_recordings.c: counts everything; false with err. */
bool walk_recordings(struct diagnosis_walk *walk);
/* diagnosis_walk.c: the connections of one recording. */
bool walk_range(struct diagnosis_walk *walk, const struct walk_recording *recording);
/* diagnosis_silences.c: samples into slots, one for each peak. */
bool silences_settle(struct diagnosis_walk *walk);
/* diagnosis_time_wait.c: fills loads and msls of out, and the two diagnoses' slots. */
bool time_wait_settle(struct diagnosis_walk *walk);
/* diagnosis_evidence.c: parties and examples of a slot into its diagnosis. */
bool diagnosis_parties(struct diagnosis_walk *walk, size_t slot, struct diagnosis *d);
bool diagnosis_examples(struct diagnosis_walk *walk, size_t slot, struct diagnosis *d);
/* diagnosis_tell.c: makes out->items of the slots. */
bool diagnoses_tell(struct diagnosis_walk *walk);

bool walk_failed(struct diagnosis_walk *walk);
/* Whether the statement has another row. A failure is kept in walk->broken and its err: the diagnoses
 * are given up at the end. */
bool walk_row(struct diagnosis_walk *walk, sqlite3_stmt *s);
/* A copy of a column, "?" where that is NULL; NULL, and broken, where memory runs out. */
char *walk_text(struct diagnosis_walk *walk, sqlite3_stmt *s, int column);
bool walk_no_memory(struct diagnosis_walk *walk);
/* A prepared statement, or NULL with err. */
sqlite3_stmt *walk_prepare(struct diagnosis_walk *walk, const char *sql);
/* Address of a host, owned by the caller; NULL with err. */
char *walk_address(struct diagnosis_walk *walk, int64_t host_id);
/* Room for one more of a growing array; false with err without memory. */
bool walk_grow(struct diagnosis_walk *walk, void **items, size_t count, size_t *room, size_t size);

#endif
