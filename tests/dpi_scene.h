/* Connections told to nDPI's consumer by hand. What fails, fails the test. */
#ifndef LASTACK_TESTS_DPI_SCENE_H
#define LASTACK_TESTS_DPI_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streams/dpi.h"

/* One connection as the engine tells it. */
struct dpi_scene {
	struct dpi *dpi;
	struct consumer consumer;
	struct reading reading;
	struct epilogue epilogue;
	uint64_t offset[SIDES];
	uint64_t packet;
	uint32_t isn[SIDES];
};

struct dpi *dpi_with(struct dpi_config config);
/* From 10.0.0.1, port 40000, to this port of 10.0.0.2. */
void dpi_open(struct dpi_scene *s, struct dpi *dpi, uint16_t port, bool midstream);
void dpi_open_between(struct dpi_scene *s, struct dpi *dpi, uint16_t from_port, uint16_t port,
		      bool midstream);
void dpi_open_of(struct dpi_scene *s, struct dpi *dpi, const struct stream_origin *origin);
/* As long as it wants them; bytes NULL: a gap. */
void dpi_deliver(struct dpi_scene *s, enum side side, const void *bytes, size_t length);
void dpi_deliver_text(struct dpi_scene *s, enum side side, const char *text);
/* The verdict: what it was, and NULL where nothing is known. */
const struct application *dpi_finish(struct dpi_scene *s);
void dpi_close(struct dpi_scene *s);
void dpi_expect(const struct application *a, const char *name, bool guessed,
		const char *server_name);
/* Finishes, expects that, and that nothing is left. */
void dpi_end(struct dpi_scene *s, const char *name, bool guessed, const char *server_name);

#endif
