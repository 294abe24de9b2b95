/* Numbers of link types. */
#ifndef LASTACK_SOURCE_LINKTYPE_H
#define LASTACK_SOURCE_LINKTYPE_H

#include <stdint.h>

/* libpcap's own number (DLT_) on this system for the one in capture files (LINKTYPE_). */
int dlt_of_linktype(uint32_t linktype);

#endif
