#include "streams/stream_index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "streams/stream_name.h"

enum { LINE_MAX_LENGTH = 1024, CAPTURE_MAX = 4 * 4096, VLAN_MASK = 0xfff };

static const char index_head[] =
	"connection\tid\tcapture\tfirst_time\tinitiator\tresponder\tvlan\tside\tfile\toffset\t"
	"bytes\tgaps\tgap_bytes\tmidstream\tteardown\tcomplete\tcloser\tend_reason\n";
static const char gaps_head[] = "connection\tcapture\tfirst_time\tside\toffset\tlength\t"
				"shown_by_packet\tshown_in_capture\tshown_time\n";

bool stream_index_start(struct stream_index *index, struct writer_pool *pool, struct error *err)
{
	*index = (struct stream_index){.pool = pool};
	return folder_free_for(pool->folder, INDEX_NAME, err) &&
	       folder_free_for(pool->folder, GAPS_NAME, err) &&
	       writer_add(pool, &index->index, index_head, sizeof(index_head) - 1, err) &&
	       writer_add(pool, &index->gaps, gaps_head, sizeof(gaps_head) - 1, err);
}

/* A capture may have any name: what would break the table is written as in C. */
static bool add_capture(struct writer_pool *pool, struct writer *w, const char *name,
			struct error *err)
{
	char text[CAPTURE_MAX + 8];
	size_t used = 0;

	for (const char *c = name; *c != '\0' && used < CAPTURE_MAX; c++) {
		if (*c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7f)
			used += (size_t)snprintf(text + used, 5, *c == '\\' ? "\\\\" : "\\%03o",
						 (unsigned char)*c);
		else
			text[used++] = *c;
	}
	return writer_add(pool, w, text, used, err);
}

static bool add_text(struct writer_pool *pool, struct writer *w, const char *text,
		     struct error *err)
{
	return writer_add(pool, w, text, strlen(text), err);
}

static bool add_tail(struct stream_index *index, const struct index_line *line, struct error *err)
{
	const struct verdict *v = line->verdict;
	const struct verdict_direction *d = v->dir;
	char first[INSTANT_TEXT_MAX], initiator[ENDPOINT_TEXT_MAX], responder[ENDPOINT_TEXT_MAX];
	char vlan[16] = "-", text[LINE_MAX_LENGTH];
	unsigned tag = (unsigned)(d[!d[SIDE_INITIATOR].seen].vlan_tags & VLAN_MASK);

	instant_text(v->first_ns, first);
	stream_endpoint_text(&d[SIDE_INITIATOR].address, v->ip_version, d[SIDE_INITIATOR].port,
			     initiator);
	stream_endpoint_text(&d[SIDE_RESPONDER].address, v->ip_version, d[SIDE_RESPONDER].port,
			     responder);
	if (tag)
		snprintf(vlan, sizeof(vlan), "%u", tag);
	snprintf(text, sizeof(text),
		 "\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		 "\t%d\t%s\t%d\t%s\t%s\n",
		 first, initiator, responder, vlan, side_name(line->side),
		 line->file ? line->file : "-", line->offset, line->bytes, line->gaps,
		 line->gap_bytes, v->midstream, teardown_name(v->teardown), v->complete,
		 side_name(v->closer), end_reason_name(v->end_reason));
	return add_text(index->pool, &index->index, text, err);
}

bool stream_index_add(struct stream_index *index, const struct index_line *line, struct error *err)
{
	char id[24] = "-", text[64];

	if (line->id)
		snprintf(id, sizeof(id), "%" PRId64, line->id);
	snprintf(text, sizeof(text), "%" PRIu64 "\t%s\t", line->verdict->first_packet, id);
	return add_text(index->pool, &index->index, text, err) &&
	       add_capture(index->pool, &index->index, line->capture, err) &&
	       add_tail(index, line, err);
}

bool stream_index_add_gap(struct stream_index *index, const struct gap_line *line,
			  struct error *err)
{
	struct writer *w = &index->gaps;
	char first[INSTANT_TEXT_MAX], shown[INSTANT_TEXT_MAX], text[LINE_MAX_LENGTH];

	instant_text(line->verdict->first_ns, first);
	instant_text(line->shown.ts_ns, shown);
	snprintf(text, sizeof(text), "%" PRIu64 "\t", line->verdict->first_packet);
	if (!add_text(index->pool, w, text, err) ||
	    !add_capture(index->pool, w, line->capture, err))
		return false;
	snprintf(text, sizeof(text), "\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", first,
		 side_name(line->side), line->offset, line->length, line->shown.packet);
	if (!add_text(index->pool, w, text, err) ||
	    !add_capture(index->pool, w, line->shown_capture, err))
		return false;
	snprintf(text, sizeof(text), "\t%s\n", shown);
	return add_text(index->pool, w, text, err);
}

bool stream_index_publish(struct stream_index *index, struct error *err)
{
	/* the index last: where it is, all is */
	return writer_publish(index->pool, &index->gaps, GAPS_NAME, err) &&
	       writer_publish(index->pool, &index->index, INDEX_NAME, err);
}

void stream_index_discard(struct stream_index *index)
{
	writer_discard(index->pool, &index->index);
	writer_discard(index->pool, &index->gaps);
}
