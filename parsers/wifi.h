/* IEEE 802.11 data frames, and the capture headers in front of them: radiotap, PPI, AVS, Prism. */
#ifndef LASTACK_PARSERS_WIFI_H
#define LASTACK_PARSERS_WIFI_H

#include "parsers/frame.h"

/* Data frames lead to LLC; of an A-MSDU the first subframe alone. Protected frames are encrypted,
 * fragments of 802.11's own are not put together, all else is no IP. */
enum layer wifi_layer(struct frame *f);
enum layer wifi_radiotap_layer(struct frame *f);
enum layer wifi_ppi_layer(struct frame *f);
/* Two generations under one link type. */
enum layer wifi_prism_layer(struct frame *f);
enum layer wifi_avs_layer(struct frame *f);

#endif
