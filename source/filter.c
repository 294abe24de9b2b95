#include "source/filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "source/linktype.h"

/* The expression for one link type. */
struct filter_program {
	uint32_t linktype;
	bool compiled;
	struct bpf_program code; /* valid where compiled */
	struct error refusal;    /* libpcap's reason, where not */
};

struct filter {
	char *expression;
	struct filter_program *programs;
	size_t program_count, program_capacity;
	size_t latest; /* the program used last */
};

/* Bytes a match may look at: more than any packet has. */
enum { FILTER_SNAPLEN = 128 * 1024 * 1024 };

bool filter_no_memory(const char *reason)
{
	static const char *const words[] = {"out of memory", "malloc", "not enough core",
					    "Cannot allocate memory"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(reason, words[i]))
			return true;
	return false;
}

/* False with reason where it does not compile. */
static bool filter_compile(const char *expression, int dlt, struct bpf_program *code,
			   struct error *reason)
{
	pcap_t *pcap = pcap_open_dead(dlt, FILTER_SNAPLEN);
	bool compiled;

	if (pcap == NULL)
		return error_set(reason, "out of memory");
	compiled = pcap_compile(pcap, code, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (!compiled)
		error_set(reason, "%s",
			  filter_no_memory(pcap_geterr(pcap)) ? "out of memory"
							      : pcap_geterr(pcap));
	pcap_close(pcap);
	return compiled;
}

/* Errors that every link type gives. Name look-ups can take long: they are not repeated. */
static bool refused_by_all(const struct error *reason)
{
	return strstr(reason->text, "syntax error") != NULL ||
	       strncmp(reason->text, "unknown ", strlen("unknown ")) == 0;
}

/* True where some kind of link gives the expression a meaning. err is Ethernet's refusal. */
static bool expression_valid(const char *expression, struct error *err)
{
	/* One of each family that has words of its own. */
	static const int kinds[] = {DLT_EN10MB,    DLT_IEEE802_11_RADIO, DLT_IEEE802_11, DLT_RAW,
				    DLT_LINUX_SLL, DLT_LINUX_SLL2,       DLT_PFLOG,      DLT_PPP,
				    DLT_MTP2,      DLT_SUNATM,           DLT_C_HDLC,     DLT_FDDI};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct bpf_program code;
		struct error reason = {""};

		if (filter_compile(expression, kinds[i], &code, i == 0 ? err : &reason)) {
			pcap_freecode(&code);
			return true;
		}
		if (error_is_memory(&reason))
			return error_set(err, "%s", reason.text);
		if (i == 0 && (refused_by_all(err) || error_is_memory(err)))
			break;
	}
	return false;
}

struct filter *filter_new(const char *expression, struct error *err)
{
	struct error reason = {""};
	struct filter *filter;

	if (!expression_valid(expression, &reason)) {
		if (error_is_memory(&reason))
			error_set(err, "%s", reason.text);
		else
			error_set(err, "the filter '%s' is not valid: %s", expression, reason.text);
		return NULL;
	}
	filter = calloc(1, sizeof(*filter));
	if (filter != NULL)
		filter->expression = strdup(expression);
	if (filter == NULL || filter->expression == NULL) {
		error_set(err, "out of memory");
		free(filter);
		return NULL;
	}
	return filter;
}

void filter_free(struct filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t i = 0; i < filter->program_count; i++) {
		if (filter->programs[i].compiled)
			pcap_freecode(&filter->programs[i].code);
	}
	free(filter->programs);
	free(filter->expression);
	free(filter);
}

static bool program_add(struct filter *filter, uint32_t linktype)
{
	struct filter_program *program;

	if (filter->program_count == filter->program_capacity) {
		size_t capacity = filter->program_capacity > 0 ? 2 * filter->program_capacity : 4;

		program = realloc(filter->programs, capacity * sizeof(*program));
		if (program == NULL)
			return false;
		filter->programs = program;
		filter->program_capacity = capacity;
	}
	program = &filter->programs[filter->program_count];
	*program = (struct filter_program){.linktype = linktype};
	program->compiled = filter_compile(filter->expression, dlt_of_linktype(linktype),
					   &program->code, &program->refusal);
	if (!program->compiled && error_is_memory(&program->refusal))
		return false;
	filter->program_count++;
	return true;
}

/* The link type's program, compiled now where it is new; NULL: no memory. */
static const struct filter_program *program_find(struct filter *filter, uint32_t linktype)
{
	size_t i = filter->latest;

	if (i < filter->program_count && filter->programs[i].linktype == linktype)
		return &filter->programs[i];
	for (i = 0; i < filter->program_count; i++) {
		if (filter->programs[i].linktype == linktype)
			break;
	}
	if (i == filter->program_count && !program_add(filter, linktype))
		return NULL;
	filter->latest = i;
	return &filter->programs[i];
}

bool filter_prepare(struct filter *filter, uint32_t linktype)
{
	return program_find(filter, linktype) != NULL;
}

enum filter_result filter_packet(struct filter *filter, const struct packet *packet)
{
	const struct filter_program *program = program_find(filter, packet->linktype);
	const struct pcap_pkthdr header = {.caplen = packet->caplen, .len = packet->wirelen};

	if (program == NULL)
		return FILTER_NO_MEMORY;
	if (!program->compiled)
		return FILTER_NO_MEANING;
	if (pcap_offline_filter(&program->code, &header, packet->data) == 0)
		return FILTER_NO_MATCH;
	return FILTER_MATCH;
}

void filter_refusal(const struct filter *filter, uint32_t linktype, struct error *err)
{
	for (size_t i = 0; i < filter->program_count; i++) {
		const struct filter_program *program = &filter->programs[i];

		if (program->linktype == linktype && !program->compiled)
			error_set(err, "the filter '%s' has no meaning for link type %u: %s",
				  filter->expression, linktype, program->refusal.text);
	}
}
