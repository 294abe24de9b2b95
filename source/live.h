/* One interface, read live by libpcap: opened, filtered, its packets and its counts of drops.
 *
 * Needs CAP_NET_RAW to open, and nothing afterwards. */
#ifndef LASTACK_SOURCE_LIVE_H
#define LASTACK_SOURCE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "source/packet.h"

struct live;

enum {
	LIVE_SNAPLEN_HEADERS = 256, /* enough for the headers of a segment in two tunnels */
	LIVE_SNAPLEN_ALL = 262144,  /* for those who read streams */
	LIVE_DELAY_MS = 50 /* the kernel hands packets over after this time at the latest */
};

struct live_config {
	const char *interface; /* "eth0", "any" */
	const char *filter;    /* BPF expression; NULL: the default one, live_default_filter() */
	size_t buffer;         /* bytes the kernel may hold */
	uint32_t snaplen;
	bool promiscuous;
};

struct live_drops {
	uint64_t kernel;    /* no room in the buffer (ps_drop) */
	uint64_t interface; /* the interface or its driver says so (ps_ifdrop) */
};

enum live_result {
	LIVE_MORE,   /* go on */
	LIVE_GONE,   /* the interface is not there any more */
	LIVE_FAILED, /* err says why */
};

/* What is analysed: TCP, IP fragments, ICMP errors, and the tunnels and tags that the decoder looks into.
 * ethernet: the link has Ethernet types; else it carries IP alone. */
const char *live_default_filter(bool ethernet);

/* NULL with err, which names the interface. *missing: there is no such interface (it may come). */
struct live *live_open(const struct live_config *config, bool *missing, struct error *err);
void live_close(struct live *live); /* NULL is fine */
uint32_t live_linktype(const struct live *live);
int live_fd(const struct live *live); /* to wait on, for reading */

/* Calls take for each packet that is there, at most count; it fills data, ts_ns (time of day), caplen,
 * wirelen and linktype. Waits up to LIVE_DELAY_MS. */
enum live_result live_read(struct live *live, int count,
			   void (*take)(void *context, const struct packet *packet), void *context,
			   size_t *taken, struct error *err);
/* Since it was opened. */
bool live_drops(struct live *live, struct live_drops *drops);

/* The interfaces that could be opened, one a line: name, state, addresses. False with err. */
bool live_list(FILE *out, struct error *err);

#endif
