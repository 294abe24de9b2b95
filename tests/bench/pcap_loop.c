/* Reads a capture with libpcap and does nothing: what all others are measured against. */
#include <stdio.h>

#include <pcap/pcap.h>

static void nothing(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	(void)user;
	(void)header;
	(void)bytes;
}

int main(int argc, char **argv)
{
	char reason[PCAP_ERRBUF_SIZE] = "no capture named";
	pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], reason) : NULL;
	int result;

	if (!pcap) {
		fprintf(stderr, "%s\n", reason);
		return 1;
	}
	result = pcap_loop(pcap, -1, nothing, NULL);
	pcap_close(pcap);
	return result == 0 ? 0 : 1;
}
