/* Ports of clients that their system chose, and that tell nothing of what is spoken. */
#ifndef LASTACK_STREAMS_DPI_PORTS_H
#define LASTACK_STREAMS_DPI_PORTS_H

#include <ndpi_api.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	/* systems give their clients ports from here on, if not from higher up */
	DPI_EPHEMERAL = 32768,
	DPI_EPHEMERAL_WORDS = (65536 - DPI_EPHEMERAL) / 64
};

/* What nDPI has said of them, as asking it takes a while; all zero to begin with. A bit a port. */
struct dpi_ports {
	uint64_t asked[DPI_EPHEMERAL_WORDS], chosen[DPI_EPHEMERAL_WORDS];
};

/* Up there, and of no service that nDPI knows. */
bool dpi_port_is_chosen(struct dpi_ports *ports, struct ndpi_detection_module_struct *module,
			uint16_t port);

#endif
