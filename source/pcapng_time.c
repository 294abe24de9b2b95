#include "source/pcapng_time.h"

#include "source/record.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

enum { TSRESOL_BINARY = 0x80, NS_EXPONENT = 9 };

static const uint64_t second_ns = 1000000000;

struct pcapng_time pcapng_time_of(uint8_t resolution, int64_t offset_s)
{
	struct pcapng_time time = {resolution, 1, offset_s};
	unsigned steps;

	if (resolution & TSRESOL_BINARY)
		return time;
	steps = resolution < NS_EXPONENT ? NS_EXPONENT - resolution : resolution - NS_EXPONENT;
	for (; steps > 0; steps--) {
		if (time.scale > UINT64_MAX / 10) {
			time.scale = 0;
			break;
		}
		time.scale *= 10;
	}
	return time;
}

static uint64_t binary_seconds(unsigned exponent, uint64_t units)
{
	return exponent < 64 ? units >> exponent : 0;
}

static uint64_t binary_fraction_ns(unsigned exponent, uint64_t units)
{
	uint64_t fraction = units;

	if (exponent < 64)
		fraction &= (UINT64_C(1) << exponent) - 1;
	return (uint64_t)(((uwide)fraction * second_ns) >> exponent);
}

int64_t pcapng_time_ns(const struct pcapng_time *time, uint64_t units)
{
	wide ns;

	if (time->resolution & TSRESOL_BINARY) {
		unsigned exponent = time->resolution & (TSRESOL_BINARY - 1);

		ns = (wide)binary_seconds(exponent, units) * second_ns;
		ns += binary_fraction_ns(exponent, units);
	} else if (time->resolution <= NS_EXPONENT) {
		ns = (wide)units * time->scale;
	} else {
		ns = time->scale > 0 ? units / time->scale : 0;
	}
	ns += (wide)time->offset_s * second_ns;
	if (ns > RECORD_TS_MAX)
		return RECORD_TS_MAX;
	if (ns < -RECORD_TS_MAX)
		return -RECORD_TS_MAX;
	return (int64_t)ns;
}
