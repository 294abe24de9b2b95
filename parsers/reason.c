/* The names of the decoder's reasons. */
#include "parsers/decode.h"

static const struct reason_name {
	const char *key, *text;
} reason_names[DECODE_REASONS] = {
	[DECODED_SEGMENT] = {"segment", "TCP segments"},
	[DECODED_ICMP_ERROR] = {"icmp-error", "ICMP errors about TCP"},
	[SKIP_NOT_IP] = {"not-ip", "no IP packet (ARP, LLDP, ...)"},
	[SKIP_UDP] = {"udp", "UDP"},
	[SKIP_SCTP] = {"sctp", "SCTP"},
	[SKIP_ICMP] = {"icmp", "ICMP that is no error about TCP"},
	[SKIP_OTHER_IP] = {"other-ip", "another transport protocol than TCP"},
	[SKIP_FRAGMENT] = {"fragment", "a fragment, the rest of its datagram not there yet"},
	[SKIP_LAND] = {"land", "source and destination are the same"},
	[SKIP_ENCRYPTED] = {"encrypted", "encrypted (ESP or Wi-Fi)"},
	[SKIP_TRUNCATED_LINK] = {"truncated-link", "cut by the capture in the link header"},
	[SKIP_TRUNCATED_IP] = {"truncated-ip", "cut by the capture in the IP header"},
	[SKIP_TRUNCATED_TCP] = {"truncated-tcp", "cut by the capture in the TCP header"},
	[SKIP_BAD_LINK] = {"bad-link", "malformed link header"},
	[SKIP_BAD_IP] = {"bad-ip", "malformed IP header"},
	[SKIP_BAD_TCP] = {"bad-tcp", "malformed TCP header"},
	[SKIP_BEYOND_FRAME] = {"beyond-frame", "longer by its IP header than the frame was"},
	[SKIP_BAD_CHECKSUM] = {"bad-checksum", "wrong checksum"},
	[SKIP_BAD_FRAGMENT] = {"bad-fragment", "a fragment that fits no datagram"},
	[SKIP_TUNNEL_DEPTH] = {"tunnel-depth", "tunnels nested too deep"},
	[SKIP_LINKTYPE] = {"linktype", "a link type that is not decoded"},
};

const char *decode_reason_key(enum decode_reason reason)
{
	return (unsigned)reason < DECODE_REASONS ? reason_names[reason].key : "?";
}

const char *decode_reason_text(enum decode_reason reason)
{
	return (unsigned)reason < DECODE_REASONS ? reason_names[reason].text : "?";
}
