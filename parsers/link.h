/* Link types: where a frame starts, by its LINKTYPE_ value. */
#ifndef LASTACK_PARSERS_LINK_H
#define LASTACK_PARSERS_LINK_H

#include "parsers/frame.h"

/* By f->linktype. The names and the question what is supported are in decode.h. */
enum layer link_layer(struct frame *f);

#endif
