/* What nDPI says of a connection, in lastack's words. */
#ifndef LASTACK_STREAMS_DPI_WORDS_H
#define LASTACK_STREAMS_DPI_WORDS_H

#include <ndpi_api.h>

#include "analyzer/verdict.h"

enum { DPI_NAME_BYTES = 64, DPI_SERVER_NAME_BYTES = 256 };

/* Room for what a result points to. */
struct dpi_words {
	const char *risks[NDPI_MAX_RISK];
	char name[DPI_NAME_BYTES], server_name[DPI_SERVER_NAME_BYTES];
};

/* Of a flow that is decided; its risks are filled in. The result points into *words and to texts of the
 * library's own; without a name nothing was found. */
struct application dpi_words_of(struct ndpi_detection_module_struct *module,
				struct ndpi_flow_struct *flow, ndpi_protocol found,
				struct dpi_words *words);

#endif
