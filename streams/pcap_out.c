#include "streams/pcap_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parsers/decode.h"
#include "source/linktype.h"
#include "streams/folder.h"

#define NS_PER_S INT64_C(1000000000)

/* What readers of pcap files accept at least. */
enum { SNAPLEN_MIN = 262144, BUFFER_SIZE = 256 * 1024 };

struct pcap_out {
	char *folder_path; /* owned; NULL: standard output */
	const char *name;  /* the file in the folder */
	const char *path;  /* as given */
	struct folder folder;
	struct new_file file;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	bool nanoseconds;
	bool finished;
};

bool pcap_survey_add(struct pcap_survey *survey, const struct packet *packet, const char *capture,
		     struct error *err)
{
	if (survey->packets++ == 0) {
		survey->linktype = packet->linktype;
		survey->first_packet = packet->number;
		survey->first_capture = capture;
	}
	if (packet->linktype != survey->linktype)
		return error_set(err,
				 "a pcap file holds packets of one link type, but packet %" PRIu64
				 " of %s is %s (%" PRIu32 ") and packet %" PRIu64 " of %s is %s "
				 "(%" PRIu32 "); select connections of one of them",
				 survey->first_packet, survey->first_capture,
				 decode_linktype_name(survey->linktype), survey->linktype,
				 packet->number, capture, decode_linktype_name(packet->linktype),
				 packet->linktype);
	if (packet->ts_ns < 0 || packet->ts_ns / NS_PER_S > UINT32_MAX)
		return error_set(err,
				 "the time of packet %" PRIu64 " of %s is outside 1970 to 2106, "
				 "which is all that a pcap file can tell",
				 packet->number, capture);
	if (packet->caplen > survey->caplen_max)
		survey->caplen_max = packet->caplen;
	survey->nanoseconds = survey->nanoseconds || packet->ts_ns % 1000 != 0;
	return true;
}

/* Splits path into folder and name. */
static bool locate(struct pcap_out *out, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');

	out->name = slash ? slash + 1 : path;
	if (out->name[0] == '\0' || strcmp(out->name, ".") == 0 || strcmp(out->name, "..") == 0)
		return error_set(err, "'%s' is not the name of a file", path);
	if (!slash)
		out->folder_path = strdup(".");
	else
		out->folder_path = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return out->folder_path || error_set(err, "out of memory");
}

static bool locate_free(struct pcap_out *out, const char *path, bool overwrite, struct error *err)
{
	out->folder.fd = -1;
	out->path = path;
	return locate(out, path, err) &&
	       folder_open(&out->folder, out->folder_path, false, overwrite, err) &&
	       folder_free_for(&out->folder, out->name, err);
}

bool pcap_out_check(const char *path, bool overwrite, struct error *err)
{
	struct pcap_out out = {.folder = {.fd = -1}};
	bool ok = strcmp(path, "-") == 0 || locate_free(&out, path, overwrite, err);

	folder_close(&out.folder, true);
	free(out.folder_path);
	return ok;
}

/* A copy of the descriptor. One that was closed is the null device by now, for reading. */
static int output_standard(void)
{
	int fd = dup(STDOUT_FILENO);

	if (fd < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
		return fd;
	close(fd);
	errno = EBADF;
	return -1;
}

/* The descriptor to write to, which is the caller's. */
static int output_fd(struct pcap_out *out, const char *path, bool overwrite, struct error *err)
{
	int fd;

	if (strcmp(path, "-") == 0) {
		out->path = "standard output";
		fd = output_standard();
	} else {
		if (!locate_free(out, path, overwrite, err) ||
		    !new_file_create(&out->folder, &out->file, err))
			return -1;
		fd = dup(out->file.fd);
	}
	if (fd < 0)
		error_set(err, "%s: cannot be written: %s", out->path, strerror(errno));
	return fd;
}

static bool open_dumper(struct pcap_out *out, int fd, const struct pcap_survey *survey,
			struct error *err)
{
	int snaplen = survey->caplen_max > SNAPLEN_MIN ? (int)survey->caplen_max : SNAPLEN_MIN;
	FILE *file = fdopen(fd, "wb");

	if (!file) {
		close(fd);
		return error_set(err, "out of memory");
	}
	setvbuf(file, NULL, _IOFBF, BUFFER_SIZE);
	out->nanoseconds = survey->nanoseconds;
	out->pcap = pcap_open_dead_with_tstamp_precision(
		dlt_of_linktype(survey->linktype), snaplen,
		survey->nanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO);
	if (out->pcap)
		out->dumper = pcap_dump_fopen(out->pcap, file);
	if (out->dumper)
		return true;
	fclose(file);
	return error_set(err, "%s: %s", out->path,
			 out->pcap ? pcap_geterr(out->pcap) : "out of memory");
}

struct pcap_out *pcap_out_open(const char *path, bool overwrite, const struct pcap_survey *survey,
			       struct error *err)
{
	struct pcap_out *out = calloc(1, sizeof(*out));
	int fd;

	if (!out) {
		error_set(err, "out of memory");
		return NULL;
	}
	out->folder.fd = -1;
	fd = output_fd(out, path, overwrite, err);
	if (fd >= 0 && open_dumper(out, fd, survey, err))
		return out;
	pcap_out_free(out);
	return NULL;
}

static bool write_failed(const struct pcap_out *out, struct error *err)
{
	return error_set(err, "%s: cannot be written: %s", out->path, strerror(errno));
}

bool pcap_out_write(struct pcap_out *out, const struct packet *packet, struct error *err)
{
	int64_t fraction = packet->ts_ns % NS_PER_S;
	struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(packet->ts_ns / NS_PER_S),
		       .tv_usec = (suseconds_t)(out->nanoseconds ? fraction : fraction / 1000)},
		.caplen = packet->caplen,
		.len = packet->wirelen,
	};

	errno = 0;
	pcap_dump((u_char *)out->dumper, &header, packet->data);
	return !ferror(pcap_dump_file(out->dumper)) || write_failed(out, err);
}

bool pcap_out_finish(struct pcap_out *out, struct error *err)
{
	errno = 0;
	if (pcap_dump_flush(out->dumper) != 0)
		return write_failed(out, err);
	out->finished = !out->folder_path ||
			new_file_publish(&out->folder, &out->file, out->name, err);
	return out->finished;
}

void pcap_out_free(struct pcap_out *out)
{
	if (!out)
		return;
	if (out->dumper)
		pcap_dump_close(out->dumper);
	if (out->pcap)
		pcap_close(out->pcap);
	if (out->folder.fd >= 0)
		new_file_discard(&out->folder, &out->file);
	folder_close(&out->folder, true);
	free(out->folder_path);
	free(out);
}
