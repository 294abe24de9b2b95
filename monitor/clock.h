/* Time that goes on steadily while the machine's clock is set.
 *
 * Packets carry the machine's time of day, which somebody may set back or forward by an hour. Timers must
 * not notice. So packets are put on a steady axis: the time since boot, suspend included, plus what the
 * time of day was ahead of it when the run began. What is told to people is the time of day as the clock
 * shows it now: the steady time plus what the clock was set by since.
 *
 * Without a step the steady time is the packet's own, to the nanosecond. The clock is never read here: the
 * caller says what both clocks show, so that tests can say anything. */
#ifndef LASTACK_MONITOR_CLOCK_H
#define LASTACK_MONITOR_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A difference below this is no step: the clock was adjusted, or two looks were apart. */
#define CLOCK_STEP_NS INT64_C(500000000)

/* What CLOCK_REALTIME and CLOCK_BOOTTIME show at one moment. */
struct clock_pair {
	int64_t real_ns, boot_ns;
};

struct clock_axis {
	int64_t origin_ns; /* time of day ahead of boot time when the run began */
	int64_t ahead_ns;  /* the same, as it is in use now */
	int64_t before_ns; /* and as it was before the last step */
	int64_t step_ns;   /* steady time of the last step, as near as it was seen */
	uint64_t steps;
};

/* Both clocks of this machine, read close together. */
struct clock_pair clock_read(void);

struct clock_axis clock_start(struct clock_pair now);
/* What the clocks show now; before the packets that came meanwhile are put on the axis. True where the
 * clock was set since the last look. */
bool clock_look(struct clock_axis *axis, struct clock_pair now);
/* The steady time of a packet that came up to now, with the time of day it was stamped with. */
int64_t clock_packet(const struct clock_axis *axis, int64_t real_ns, struct clock_pair now);
/* The steady time of a moment. */
int64_t clock_steady(const struct clock_axis *axis, struct clock_pair now);
/* What is to be added to a steady time to tell it as time of day. */
int64_t clock_correction(const struct clock_axis *axis);

#endif
