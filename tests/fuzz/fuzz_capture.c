/* The capture reader: pcap and pcapng, plain or packed, from a file or a pipe, alone or joined.
 *
 * One byte of settings; the rest is the file. Where it is to be packed the harness packs it, so that what
 * the string says reaches the reader behind; a string that begins as gzip or zstd does is packed already. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "source/feed.h"
#include "source/record.h"
#include "tests/fuzz/fuzz.h"

enum setting {
	PACK_GZIP = 1,
	PACK_ZSTD = 2,
	IN_MEMBERS = 4, /* packed in two members or frames */
	BY_PIPE = 8,
	JOINED = 16, /* the file twice */
	FILTERED = 32,
};

enum { PIPE_MAX = 60000 };

struct making {
	uint8_t *bytes;
	size_t size;
};

static void gzip(const uint8_t *data, size_t size, struct making *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};

	MUST(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.avail_out = (uInt)deflateBound(&z, size);
	out->bytes = realloc(out->bytes, out->size + z.avail_out);
	MUST(out->bytes);
	z.next_out = out->bytes + out->size;
	MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
	out->size += z.total_out;
	deflateEnd(&z);
}

static void zstandard(const uint8_t *data, size_t size, struct making *out)
{
	size_t room = ZSTD_compressBound(size), got;

	out->bytes = realloc(out->bytes, out->size + room);
	MUST(out->bytes);
	got = ZSTD_compress(out->bytes + out->size, room, data, size, 1);
	MUST(!ZSTD_isError(got));
	out->size += got;
}

static struct making pack(uint8_t settings, const uint8_t *data, size_t size)
{
	void (*packer)(const uint8_t *, size_t, struct making *) = settings & PACK_GZIP ? gzip
											: zstandard;
	struct making out = {NULL, 0};
	size_t first = settings & IN_MEMBERS ? size / 2 : size;

	if (!(settings & (PACK_GZIP | PACK_ZSTD)))
		return (struct making){exact_copy(data, size), size};
	packer(data, first, &out);
	if (first < size)
		packer(data + first, size - first, &out);
	return out;
}

/* A descriptor to read the bytes from. */
static int offer(const struct making *file, bool by_pipe)
{
	int ends[2], fd;

	if (by_pipe && file->size <= PIPE_MAX) {
		MUST(pipe(ends) == 0);
		MUST(write(ends[1], file->bytes, file->size) == (ssize_t)file->size);
		close(ends[1]);
		return ends[0];
	}
	fd = memfd_create("capture", MFD_CLOEXEC);
	MUST(fd >= 0);
	MUST(write(fd, file->bytes, file->size) == (ssize_t)file->size);
	return fd;
}

static void check_packet(const struct packet *packet, uint64_t before)
{
	unsigned sum = 0;

	MUST(packet->caplen <= packet->wirelen);
	MUST(packet->number > before);
	MUST(packet->ts_ns >= -RECORD_TS_MAX && packet->ts_ns <= RECORD_TS_MAX);
	for (uint32_t i = 0; i < packet->caplen; i++)
		sum += packet->data[i];
	(void)sum;
}

static void check_file(const struct feed_file *file, uint64_t told)
{
	MUST(file->packets - file->packets_filtered_out == told);
	MUST(file->packets_filtered_out <= file->packets);
	MUST(file->bytes <= file->wire_bytes);
	MUST(!file->foreign || !file->opened);
	MUST(file->opened || file->problem);
	MUST(file->packets == 0 || file->first_ns <= file->last_ns);
	MUST((file->packets > 0) == (file->linktype_count > 0));
	for (size_t i = 1; i < file->linktype_count; i++)
		MUST(file->linktypes[i - 1] < file->linktypes[i]);
	if (file->problem)
		for (const char *p = file->problem; *p; p++)
			MUST((unsigned char)*p >= ' ');
}

static void read_all(const struct feed_config *config)
{
	struct error err = {""};
	struct feed *feed = feed_open(config, &err);
	uint64_t number[2] = {0}, told[2] = {0};
	struct packet packet;
	enum feed_result result;

	MUST(feed);
	while ((result = feed_next(feed, &packet, &err)) == FEED_PACKET) {
		MUST(packet.file < config->path_count);
		check_packet(&packet, number[packet.file]);
		number[packet.file] = packet.number;
		told[packet.file]++;
	}
	MUST(result == FEED_END);
	for (size_t i = 0; i < feed_file_count(feed); i++)
		check_file(feed_file(feed, i), told[i]);
	feed_close(feed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	uint8_t settings = choose_u8(&c);
	struct making file = pack(settings, c.at, c.left);
	char path[2][64];
	const char *paths[2] = {path[0], path[1]};
	struct feed_config config = {.paths = paths,
				     .path_count = settings & JOINED ? 2 : 1,
				     .filter = settings & FILTERED ? "tcp port 80 or vlan" : NULL};
	int fd[2];

	for (size_t i = 0; i < config.path_count; i++) {
		fd[i] = offer(&file, settings & BY_PIPE);
		snprintf(path[i], sizeof(path[i]), "/proc/self/fd/%d", fd[i]);
	}
	read_all(&config);
	for (size_t i = 0; i < config.path_count; i++)
		close(fd[i]);
	free(file.bytes);
	return 0;
}
