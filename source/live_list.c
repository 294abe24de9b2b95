/* The interfaces there are. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <pcap/pcap.h>

#include "source/live.h"

static const char *state_of(const pcap_if_t *interface)
{
	if (strcmp(interface->name, "any") == 0)
		return "-";
	if (!(interface->flags & PCAP_IF_UP))
		return "down";
	return interface->flags & PCAP_IF_RUNNING ? "up" : "no carrier";
}

static void print_address(FILE *out, const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (!address)
		return;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		fprintf(out, "  %s", inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)));
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		fprintf(out, "  %s", inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text)));
	}
}

/* Those with packets of networks: libpcap also lists USB, Bluetooth and the firewall's logs. */
static bool is_network(const pcap_if_t *interface)
{
	static const char *const others[] = {"usbmon", "bluetooth", "nflog", "nfqueue", "dbus-"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strncmp(interface->name, others[i], strlen(others[i])) == 0)
			return false;
	return true;
}

bool live_list(FILE *out, struct error *err)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	pcap_if_t *all;

	if (pcap_findalldevs(&all, reason) != 0)
		return error_set(err, "the interfaces cannot be listed: %s", reason);
	for (const pcap_if_t *i = all; i; i = i->next) {
		if (!is_network(i))
			continue;
		fprintf(out, "%-15s  %-10s", i->name, state_of(i));
		for (const struct pcap_addr *a = i->addresses; a; a = a->next)
			print_address(out, a->addr);
		if (strcmp(i->name, "any") == 0)
			fputs("  all interfaces", out);
		fputc('\n', out);
	}
	pcap_freealldevs(all);
	return true;
}
