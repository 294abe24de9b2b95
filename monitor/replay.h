/* A capture file in an interface's place, for tests: what the clock does and how much comes is up to the test.
 *
 *   file:PATH[,loops=N][,step=SECONDS@PACKET][,suspend=SECONDS@PACKET]
 *
 * Its packets go into the ring as fast as they are read from there; none is lost. Time is that of the packets.
 * loops: the file's packets N times, each time later by the time they span and a second. Before the
 * packet of that number, from 1 and over all loops, step sets the time of day on (or back: a negative
 * number), and suspend lets time pass in which nothing comes. Both may be given up to 8 times. */
#ifndef LASTACK_MONITOR_REPLAY_H
#define LASTACK_MONITOR_REPLAY_H

#include <stdbool.h>

#include "monitor/capture.h"

bool replay_named(const char *interface);
/* Checks the description. False with err. The clock starts at the file's first packet. */
bool replay_start(const char *interface, struct clock_pair *start, struct error *err);
enum capture_end replay_run(const struct capture_setup *setup, const volatile bool *stop);

#endif
