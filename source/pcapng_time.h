/* pcapng time stamps: 64-bit counts of a unit the interface states (draft-ietf-opsawg-pcapng 4.2,
 * options if_tsresol and if_tsoffset), as nanoseconds. */
#ifndef LASTACK_SOURCE_PCAPNG_TIME_H
#define LASTACK_SOURCE_PCAPNG_TIME_H

#include <stdint.h>

enum { PCAPNG_TSRESOL_DEFAULT = 6 }; /* microseconds */

struct pcapng_time {
	uint8_t resolution; /* if_tsresol: 10 to the minus it, or with its top bit 2 to the minus the
	                     * other bits */
	uint64_t scale;     /* decimal: nanoseconds a unit, or units a nanosecond where finer;
	                     * 0: so fine that 2^64 units are no nanosecond */
	int64_t offset_s;   /* if_tsoffset, seconds added */
};

struct pcapng_time pcapng_time_of(uint8_t resolution, int64_t offset_s);

/* Since the Unix epoch, rounded down, within +-RECORD_TS_MAX. */
int64_t pcapng_time_ns(const struct pcapng_time *time, uint64_t units);

#endif
