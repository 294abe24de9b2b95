/* What a connection speaks: nDPI reads along (analyzer/consumer.h) and names the application.
 *
 * nDPI is given each connection's bytes in order, one packet of our own making a piece, until it
 * decides or has seen as many packets as ndpiReader gives it; then its flow structure, some kilobytes,
 * is freed. What it cannot decide it guesses from ports and addresses, and the result says so. A
 * connection without any payload is guessed, too, as ndpiReader does: that an attempt was refused by a
 * database's port is worth telling. */
#ifndef LASTACK_STREAMS_DPI_H
#define LASTACK_STREAMS_DPI_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/consumer.h"
#include "base/error.h"

struct dpi;

struct dpi_config {
	size_t max_memory;  /* bytes for undecided connections; beyond it the oldest are guessed */
	size_t max_results; /* bytes for results; beyond it new ones lack names and risks */
	uint8_t hash_key[16];
};

struct dpi_counts {
	size_t undecided, peak_undecided; /* connections with a flow structure */
	size_t bytes, peak_bytes;         /* of those structures, by our own account */
	/* different ones that open connections hold, or that may be repeated */
	size_t results, result_bytes;
	uint64_t identified, guessed, unknown;
	uint64_t guessed_early; /* at max_memory */
	uint64_t repeated;      /* of the identified, those whose bytes had been looked at before */
	uint64_t shortened;     /* results at max_results */
};

/* 64 MB for undecided connections, 64 MB for results; the hash key is all zero. */
struct dpi_config dpi_defaults(void);

/* "4.2.0"; NULL in a build without nDPI. */
const char *dpi_version(void);

/* One for a recording: what nDPI remembers of one must not colour another. NULL with err where there
 * is no memory, or no nDPI in this build. */
struct dpi *dpi_new(const struct dpi_config *config, struct error *err);
/* Borrows dpi, which must outlive the engine. */
struct consumer dpi_consumer(struct dpi *dpi);
const struct dpi_counts *dpi_counts(const struct dpi *dpi);
void dpi_free(struct dpi *dpi); /* NULL is fine */

#endif
