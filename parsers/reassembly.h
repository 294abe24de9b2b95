/* A frame that turns out to be a fragment: into the fragment table, and on with the datagram. */
#ifndef LASTACK_PARSERS_REASSEMBLY_H
#define LASTACK_PARSERS_REASSEMBLY_H

#include "parsers/fragment.h"
#include "parsers/frame.h"

/* The frame stands behind the IP (or fragment) header. Addresses, tunnel, bytes and time are filled
 * in from it; the caller gives version, protocol, id, offset and more. */
enum layer reassemble(struct frame *f, struct fragment *fragment);

#endif
