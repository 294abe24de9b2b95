#include "report/clusters.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define WINDOW_EXTRA_NS INT64_C(250000000)
#define NS_PER_S        INT64_C(1000000000)

enum { WINDOW_PART = 25, SHARE = 10, DENSER = 3 };

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static int64_t window_ns(int64_t low_ns)
{
	return low_ns / WINDOW_PART + WINDOW_EXTRA_NS;
}

/* The window with most values among those that are in no peak yet; true where there is one. */
static bool densest(const int64_t *values, size_t count, const struct cluster *found,
		    size_t found_count, size_t *first, size_t *length)
{
	size_t end = 0;

	*length = 0;
	for (size_t i = 0; i < count; i++) {
		bool taken = false;

		if (end < i)
			end = i;
		while (end < count && values[end] - values[i] <= window_ns(values[i]))
			end++;
		for (size_t k = 0; k < found_count; k++)
			taken |= values[i] <= found[k].high_ns &&
				 values[end - 1] >= found[k].low_ns;
		if (!taken && end - i > *length) {
			*first = i;
			*length = end - i;
		}
	}
	return *length > 0;
}

/* Would chance alone put as many there? Values spread evenly over the logarithm of their range. */
static bool stands_out(const int64_t *values, size_t count, size_t first, size_t length)
{
	double low = (double)values[0] + (double)WINDOW_EXTRA_NS;
	double range = log(((double)values[count - 1] + (double)WINDOW_EXTRA_NS) / low);
	double at = (double)values[first] + (double)WINDOW_EXTRA_NS;
	double width = log((at + (double)window_ns(values[first])) / at);

	if (length < CLUSTER_LEAST || length * SHARE < count)
		return false;
	if (length == count)
		return true;
	return (double)length >= DENSER * (double)count * width / (range > width ? range : width) ||
	       length * 2 > count;
}

size_t clusters_find(int64_t *values, size_t count, struct cluster found[CLUSTERS_MAX])
{
	size_t found_count = 0, first = 0, length = 0;

	qsort(values, count, sizeof(*values), ascending);
	while (found_count < CLUSTERS_MAX &&
	       densest(values, count, found, found_count, &first, &length) &&
	       stands_out(values, count, first, length)) {
		found[found_count++] = (struct cluster){
			.low_ns = values[first],
			.high_ns = values[first + length - 1],
			.middle_ns = values[first + length / 2],
			.count = length,
		};
	}
	return found_count;
}

/* Defaults as the makers document them. */
static const struct {
	int64_t seconds;
	const char *who;
} timers[] = {
	{2, "the keep-alive of gunicorn"},
	{5, "the keep-alive of Node.js, Apache httpd and uvicorn"},
	{10, "a common health-check or connect timer"},
	{20, "the keep-alive of Tomcat"},
	{30, "a common proxy and server timer"},
	{60, "AWS Application Load Balancer, nginx as a proxy, HAProxy as often set up"},
	{65, "nginx as its packages often set it up"},
	{75, "the keep-alive of nginx"},
	{120, "the keep-alive of IIS"},
	{130, "the keep-alive of Kestrel"},
	{240, "Azure Load Balancer and outbound NAT"},
	{300, "many firewalls, NATs and proxies (5 min)"},
	{350, "AWS Network Load Balancer and NAT Gateway"},
	{600, "Google Cloud connection tracking and load balancers"},
	{900, "many firewalls and NATs (15 min)"},
	{1800, "Juniper SRX and other firewalls (30 min)"},
	{3600, "Cisco ASA, Palo Alto and other firewalls (1 h)"},
	{7200, "TCP keep-alive of most systems (2 h)"},
	{7440, "a NAT that follows RFC 5382 (2 h 4 min)"},
};

const char *timer_hint(int64_t silence_ns)
{
	for (size_t i = 0; silence_ns > 0 && i < sizeof(timers) / sizeof(timers[0]); i++) {
		int64_t at = timers[i].seconds * NS_PER_S;
		int64_t off = silence_ns > at ? silence_ns - at : at - silence_ns;

		if (off <= at / (2 * WINDOW_PART) + WINDOW_EXTRA_NS)
			return timers[i].who;
	}
	return NULL;
}
