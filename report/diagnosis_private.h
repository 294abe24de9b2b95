/* What the files of the diagnosis share. Nobody else includes this.
 *
 * The way: rules (diagnosis_rules.c) say which connection shows what; what blocks tell of all connections is
 * counted first (diagnosis_blocks.c), and with it who scans (diagnosis_scanners.c); the walk
 * (diagnosis_walk.c) then goes over those that blocks do not tell enough of, and counts in slots
 * (diagnosis_slots.c), one a code, and more where silences cluster (diagnosis_silences.c); the telling
 * (diagnosis_tell.c) makes sentences of the slots. */
#ifndef LASTACK_REPORT_DIAGNOSIS_PRIVATE_H
#define LASTACK_REPORT_DIAGNOSIS_PRIVATE_H

#include "db/block_search.h"
#include "db/chosen.h"
#include "db/told_blocks.h"
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

/* At the places of the bits below. */
const struct rule *diagnosis_rules(void);
/* Bits of the rules that this outcome fits. */
uint64_t rules_of_outcome(const struct outcome *outcome);
/* Bits of the rules that rest on this finding, whatever the outcome; 0 of what is none. */
uint64_t rules_of_finding(enum finding_code code);
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

/* A recording's connections and settings. */
struct walk_recording {
	int64_t range[2];
	int64_t watched_until_ns; /* NONE_NS: no packet */
	int64_t msl_ns;
	int64_t id;
};

/* A part of a recording's ids: those of one block that can be relied on, or others. */
struct walk_stretch {
	int64_t first, last;
	bool told;               /* by the block: its connections are counted from there */
	struct told_block block; /* where told, as the next */
	struct place_set rows;   /* connections whose rows are to be read as well */
};

struct walk_plan {
	struct walk_recording recording;
	struct walk_stretch *stretch; /* owned; in order, all of the range */
	size_t count, room;
};

/* Of one host, application, connection. */
enum walk_statement {
	WALK_ADDRESS,
	WALK_HOST,
	WALK_APPLICATION,
	WALK_EXAMPLE,
	WALK_LADDER,
	WALK_FINDINGS,
	WALK_STATEMENTS
};

struct diagnosis_walk {
	sqlite3 *db;
	sqlite3_stmt *kept[WALK_STATEMENTS]; /* NULL until it is needed */
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
	uint32_t *held; /* by host id: TIME_WAITs that blocks tell of and that are no entries yet */
	size_t held_hosts;
	struct party_counts counts;
	struct reuse_tally *reuse;
	size_t reuse_count, reuse_room;
	const int64_t *recordings; /* all where recording_count is 0 */
	size_t recording_count;
	struct walk_plan *plan; /* of each recording that has any connections */
	size_t plan_count, plan_room;
	int64_t stuck_ns;     /* the largest of the recordings */
	struct chosen chosen; /* connections of a block whose rows are read now */
};

/* A side table: the row it stands on, until its id is passed. */
struct side_table {
	sqlite3_stmt *statement;
	int64_t id; /* INT64_MAX: at its end */
};

enum side_tables {
	SIDE_RESETS,
	SIDE_SILENCES,
	SIDE_REUSES,
	SIDE_DWELLS,
	SIDE_FINDINGS,
	SIDE_TABLES
};

struct suspects;

/* What a block tells of its connections. */
struct told_values {
	int64_t of[BLOCK_KINDS][BLOCK_SIZE]; /* by kind, in order of ids */
	size_t at[BLOCK_SIZE];               /* by place: which of them */
};

/* The walk over one recording after the other. */
struct stroll {
	struct diagnosis_walk *walk;
	struct side_table side[SIDE_TABLES];
	struct side_table ahead[SIDE_TABLES]; /* of some: which connections they have rows of */
	const struct rule *rules;
	const struct walk_recording *recording;
	sqlite3_stmt *rows;    /* of connections, between two ids */
	sqlite3_stmt *moments; /* the same, without what blocks tell */
	struct told_columns columns;
	sqlite3_stmt *bytes; /* what the responder sent: asked where it matters */
	sqlite3_stmt *delay; /* of a reuse without a row of its own: the same */
	struct suspects *suspects;
	struct told_values told; /* of the block that is walked */
	struct facts facts;      /* of the row that is read */
	bool good;
};

/* diagnosis_walk.c. False with err; closed either way. */
bool stroll_open(struct stroll *stroll, struct diagnosis_walk *walk);
void stroll_close(struct stroll *stroll);
/* Puts the side tables in front of the recording's first rows. */
void stroll_begin(struct stroll *stroll);
/* Rows of a block's connections, whose values are told and which are counted; of others. */
bool stroll_places(struct stroll *stroll, int64_t block_id, const struct place_set *places);
bool stroll_rows(struct stroll *stroll, int64_t first, int64_t last);
/* An orderly close that no rule asks about and no side table has a word on: by far the most of them. It is
 * asked in order of ids. */
bool stroll_is_plain(struct stroll *stroll, int64_t id, const struct outcome *outcome);
/* Counts what every connection has: by party and by class over time. */
bool walk_count(struct diagnosis_walk *walk, const struct facts *facts);
const struct outcome *walk_outcome(const struct diagnosis_walk *walk, int64_t id);
bool is_handshake(const struct outcome *outcome);
/* Times of the walk's chosen connections, whose other values are told. */
extern const char moments_sql[];
/* What those tell: first and last time; when a regular close entered TIME_WAIT. */
void read_moments(struct facts *facts, sqlite3_stmt *row);

/* diagnosis_blocks.c: the recording's connections, as blocks and rows tell of them, go into the walk. */
bool plan_walk(struct stroll *stroll, struct walk_plan *plan);
void plan_free(struct walk_plan *plan);
/* Makes entries of those held TIME_WAITs that were counted from blocks and are some of these hosts'. */
bool plans_hold(struct diagnosis_walk *walk, const struct id_set *hosts);
/* What is told of the connection at a place. */
void told_facts(const struct diagnosis_walk *walk, const struct told_values *told, size_t place,
		struct facts *facts);

/* diagnosis_scanners.c: who tried many services in vain. NULL with err. */
struct suspects *suspects_new(struct diagnosis_walk *walk);
void suspects_free(struct suspects *suspects);
void suspects_forget(struct suspects *suspects);
/* An attempt that failed. */
void suspects_take(struct suspects *suspects, int64_t initiator_id, int64_t responder_id,
		   int64_t port);
/* The same of all rows between two ids. */
bool suspects_take_rows(struct suspects *suspects, struct diagnosis_walk *walk, int64_t first,
			int64_t last);
/* Into the walk's scanners. */
bool suspects_keep(const struct suspects *suspects, struct diagnosis_walk *walk);

/* diagnosis_recordings.c: counts everything; false with err. */
bool walk_recordings(struct diagnosis_walk *walk);
/* diagnosis_silences.c: samples into slots, one for each peak. */
bool silences_settle(struct diagnosis_walk *walk);
enum { HOSTS_MAX = 1 << 26 }; /* ids of ours are less: others would take memory by their value */
/* diagnosis_time_wait.c: a TIME_WAIT of a host; those of hosts that are none of ours are left out. */
bool time_wait_add(struct diagnosis_walk *walk, const struct walk_recording *recording,
		   const struct facts *facts, enum side holder);
/* The same where only how many there are is known yet. */
bool time_wait_count(struct diagnosis_walk *walk, int64_t host_id);
/* Fills loads and msls of out, and the two diagnoses' slots. */
bool time_wait_settle(struct diagnosis_walk *walk);
/* diagnosis_evidence.c: parties and examples of a slot into its diagnosis. */
bool diagnosis_parties(struct diagnosis_walk *walk, size_t slot, struct diagnosis *d);
bool diagnosis_examples(struct diagnosis_walk *walk, size_t slot, struct diagnosis *d);
/* diagnosis_tell.c: makes out->items of the slots. */
bool diagnoses_tell(struct diagnosis_walk *walk);

/* diagnosis_statements.c */
bool walk_failed(struct diagnosis_walk *walk);
/* Whether the statement has another row. A failure is kept in walk->broken and its err: the diagnoses
 * are given up at the end. */
bool walk_row(struct diagnosis_walk *walk, sqlite3_stmt *s);
/* A copy of a column, "?" where that is NULL; NULL, and broken, where memory runs out. */
char *walk_text(struct diagnosis_walk *walk, sqlite3_stmt *s, int column);
bool walk_no_memory(struct diagnosis_walk *walk);
/* Makes something of the row that the statement stands on; false with err. */
typedef bool row_taker(void *context, sqlite3_stmt *row);
/* All rows of a statement, which is reset then. */
bool walk_take(struct diagnosis_walk *walk, sqlite3_stmt *rows, row_taker *take, void *context);
/* One that is asked for one id after the other, prepared once: bound to this one, to be reset when its rows have
 * been read; NULL with err. */
sqlite3_stmt *walk_statement(struct diagnosis_walk *walk, enum walk_statement which, int64_t id);
void walk_statements_free(struct diagnosis_walk *walk);
/* A prepared statement, or NULL with err. */
sqlite3_stmt *walk_prepare(struct diagnosis_walk *walk, const char *sql);
/* Address of a host, owned by the caller; NULL with err. */
char *walk_address(struct diagnosis_walk *walk, int64_t host_id);
/* Room for one more of a growing array; false with err without memory. */
bool walk_grow(struct diagnosis_walk *walk, void **items, size_t count, size_t *room, size_t size);

#endif
