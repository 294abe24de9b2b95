#include "source/live.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "source/filter.h"
#include "source/linktype.h"

struct live {
	pcap_t *pcap;
	uint32_t linktype;
	int fd;
	void (*take)(void *context, const struct packet *packet);
	void *context;
};

/* The protocols that are looked into, by their number in an IP header: TCP, IP in IP (4, 41), GRE, and
 * authentication headers, behind which TCP may lie. UDP is a tunnel by its destination port: VXLAN with
 * its two other ports, GENEVE. An ICMP error has one of five types; ICMPv6 errors are those below 128.
 * Behind an extension header of IPv6 (fragments are one) may be anything. */
#define UDP_TUNNELS \
	"(udp dst port 4789 or udp dst port 4790 or udp dst port 8472 or udp dst port 6081)"
#define IP4_WANTED                                                                   \
	"(ip and (ip[6:2] & 0x3fff != 0 or ip[9] = 6 or ip[9] = 4 or ip[9] = 41 or " \
	"ip[9] = 47 or ip[9] = 51 or " UDP_TUNNELS " or (icmp and (icmp[0] = 3 or "  \
	"icmp[0] = 4 or icmp[0] = 5 or icmp[0] = 11 or icmp[0] = 12))))"
#define IP6_WANTED                                                                   \
	"(ip6 and (ip6[6] = 6 or ip6[6] = 4 or ip6[6] = 41 or ip6[6] = 47 or "       \
	"ip6[6] = 51 or ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60 or " \
	"ip6[6] = 135 or ip6[6] = 139 or ip6[6] = 140 or " UDP_TUNNELS " or "        \
	"(ip6[6] = 58 and ip6[40] < 128)))"
/* Linux takes the outer VLAN tag out of a frame before a filter sees it, so that what is above meets
 * tagged frames, too. A tag that is still there (a second one, or one that goes out in software), MPLS,
 * PPPoE and the like are let through whole: the decoder looks into them. 'vlan' and 'mpls' would shift
 * everything behind them in the expression. */
#define TAGS_WANTED                                                          \
	"ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x9100 or " \
	"ether proto 0x9200 or ether proto 0x8847 or ether proto 0x8848 or " \
	"ether proto 0x8864 or ether proto 0x880b or ether proto 0x6558 or " \
	"ether proto 0x8903"

const char *live_default_filter(bool ethernet)
{
	return ethernet ? IP4_WANTED " or " IP6_WANTED " or " TAGS_WANTED
			: IP4_WANTED " or " IP6_WANTED;
}

/* pcap_activate's answer in words. */
static bool refused(struct live *live, const char *interface, int status, bool *missing,
		    struct error *err)
{
	*missing = status == PCAP_ERROR_NO_SUCH_DEVICE || status == PCAP_ERROR_IFACE_NOT_UP;
	if (status == PCAP_ERROR_PERM_DENIED)
		return error_set(err,
				 "%s: no right to capture: that takes root or the capability "
				 "CAP_NET_RAW",
				 interface);
	if (status == PCAP_ERROR_NO_SUCH_DEVICE)
		return error_set(err,
				 "%s: there is no such interface; 'lastack monitor --list' names "
				 "those there are",
				 interface);
	if (status == PCAP_ERROR_IFACE_NOT_UP)
		return error_set(err, "%s: the interface is down", interface);
	return error_set(err, "%s: cannot be opened: %s", interface, pcap_geterr(live->pcap));
}

static bool activate(struct live *live, const struct live_config *config, bool *missing,
		     struct error *err)
{
	int status;

	pcap_set_snaplen(live->pcap, (int)config->snaplen);
	pcap_set_promisc(live->pcap, config->promiscuous);
	pcap_set_timeout(live->pcap, LIVE_DELAY_MS);
	pcap_set_buffer_size(live->pcap, (int)config->buffer);
	pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(live->pcap);
	if (status < 0)
		return refused(live, config->interface, status, missing, err);
	/* "any": the newer cooked format tells the interface, too */
	if (pcap_datalink(live->pcap) == DLT_LINUX_SLL)
		pcap_set_datalink(live->pcap, DLT_LINUX_SLL2);
	return true;
}

static bool has_ether_types(int dlt)
{
	return dlt == DLT_EN10MB || dlt == DLT_LINUX_SLL || dlt == DLT_LINUX_SLL2;
}

static bool set_filter(struct live *live, const struct live_config *config, struct error *err)
{
	bool ethernet = has_ether_types(pcap_datalink(live->pcap));
	const char *filter = config->filter ? config->filter : live_default_filter(ethernet);
	struct bpf_program code;
	bool ok;

	if (pcap_compile(live->pcap, &code, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return filter_no_memory(pcap_geterr(live->pcap))
			       ? error_set(err, "%s: out of memory", config->interface)
			       : error_set(err, "%s: the filter '%s' is not valid: %s",
					   config->interface, filter, pcap_geterr(live->pcap));
	ok = pcap_setfilter(live->pcap, &code) == 0 ||
	     error_set(err, "%s: the filter cannot be set: %s", config->interface,
		       pcap_geterr(live->pcap));
	pcap_freecode(&code);
	return ok;
}

/* The numbers in capture files, of the link types that interfaces have. */
static uint32_t linktype_of_dlt(int dlt)
{
	return dlt == DLT_RAW ? 101 : (uint32_t)dlt;
}

struct live *live_open(const struct live_config *config, bool *missing, struct error *err)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct live *live = calloc(1, sizeof(*live));

	*missing = false;
	if (!live) {
		error_set(err, "out of memory");
		return NULL;
	}
	live->pcap = pcap_create(config->interface, reason);
	if (!live->pcap) {
		error_set(err, "%s: %s", config->interface, reason);
		free(live);
		return NULL;
	}
	if (!activate(live, config, missing, err) || !set_filter(live, config, err) ||
	    (pcap_setnonblock(live->pcap, 1, reason) != 0 &&
	     !error_set(err, "%s: %s", config->interface, reason))) {
		live_close(live);
		return NULL;
	}
	live->linktype = linktype_of_dlt(pcap_datalink(live->pcap));
	live->fd = pcap_get_selectable_fd(live->pcap);
	return live;
}

void live_close(struct live *live)
{
	if (!live)
		return;
	if (live->pcap)
		pcap_close(live->pcap);
	free(live);
}

uint32_t live_linktype(const struct live *live)
{
	return live->linktype;
}

int live_fd(const struct live *live)
{
	return live->fd;
}

static void take_one(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct live *live = (struct live *)(void *)user;
	struct packet packet = {
		.data = data,
		/* nanoseconds, as was asked for */
		.ts_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
		.caplen = header->caplen,
		.wirelen = header->len,
		.linktype = live->linktype,
		.ts_confirmed = true,
	};

	live->take(live->context, &packet);
}

/* libpcap tells of an interface that was taken down only where it is gone, too. */
static bool is_gone(struct live *live)
{
	return strstr(pcap_geterr(live->pcap), "disappeared") != NULL ||
	       strstr(pcap_geterr(live->pcap), "No such device") != NULL;
}

enum live_result live_read(struct live *live, int count,
			   void (*take)(void *context, const struct packet *packet), void *context,
			   size_t *taken, struct error *err)
{
	struct pollfd wait = {.fd = live->fd, .events = POLLIN};
	int got;

	live->take = take;
	live->context = context;
	got = pcap_dispatch(live->pcap, count, take_one, (u_char *)live);
	if (got == 0) {
		if (poll(&wait, 1, LIVE_DELAY_MS) > 0)
			got = pcap_dispatch(live->pcap, count, take_one, (u_char *)live);
	}
	*taken = got > 0 ? (size_t)got : 0;
	if (got >= 0 || got == PCAP_ERROR_BREAK)
		return LIVE_MORE;
	if (is_gone(live))
		return LIVE_GONE;
	error_set(err, "%s", pcap_geterr(live->pcap));
	return LIVE_FAILED;
}

bool live_drops(struct live *live, struct live_drops *drops)
{
	struct pcap_stat stat = {0};

	if (pcap_stats(live->pcap, &stat) != 0)
		return false;
	*drops = (struct live_drops){.kernel = stat.ps_drop, .interface = stat.ps_ifdrop};
	return true;
}
