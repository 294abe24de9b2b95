#include "analyzer/finding.h"

#include <string.h>

static const struct finding_kind kinds[FINDING_CODES] = {
	[FINDING_FIN_NOT_CONSUMED] =
		{
			.code = "fin-not-consumed",
			.severity = SEVERITY_ERROR,
			.title = "a FIN was received but never acknowledged as one",
			.advice = "Look for a middlebox or TCP stack at the acknowledging end "
				  "that does not count the FIN's sequence number; connections "
				  "to it will end by timeout.",
			.basis = "RFC 9293, 3.10.7.4",
		},
	[FINDING_FIN_OVER_ACKED] =
		{
			.code = "fin-over-acked",
			.severity = SEVERITY_ERROR,
			.title = "more was acknowledged than the FIN's sender sent",
			.advice = "Look for a device that rewrites sequence numbers or "
				  "acknowledges on behalf of the end, and check whether the "
				  "capture misses segments of the FIN's sender.",
			.basis = "RFC 9293, 3.10.7.4",
		},
	[FINDING_FIN_SENDER_NOT_ADVANCED] =
		{
			.code = "fin-sender-not-advanced",
			.severity = SEVERITY_ERROR,
			.title = "the FIN's sender did not count its own FIN in what it sent next",
			.advice = "Check the TCP stack or proxy at the FIN's sender: its last "
				  "ACK carries an old sequence number that the peer may "
				  "discard.",
			.basis = "RFC 9293, 3.4",
		},
	[FINDING_DATA_AFTER_FIN] =
		{
			.code = "data-after-fin",
			.severity = SEVERITY_ERROR,
			.title = "payload was sent beyond the sender's own FIN",
			.advice = "Suspect injected segments or a broken proxy at that end; the "
				  "receiver discards these bytes, so treat the transfer as "
				  "incomplete.",
			.basis = "RFC 9293, 3.6",
		},
	[FINDING_FIN_MOVED] =
		{
			.code = "fin-moved",
			.severity = SEVERITY_ERROR,
			.title = "a later FIN has another sequence number than the first",
			.advice = "Suspect an injected FIN or a device that closes on behalf of "
				  "the end: compare the TTL and the IP identification of the "
				  "two segments.",
			.basis = "RFC 9293, 3.4",
		},
	[FINDING_FIN_BELOW_DATA] =
		{
			.code = "fin-below-data",
			.severity = SEVERITY_ERROR,
			.title = "the FIN lies below payload that its sender had already sent",
			.advice = "Suspect a forged FIN or a proxy that closes too early: the "
				  "payload above it is cut off from the stream.",
			.basis = "RFC 9293, 3.4",
		},
	[FINDING_FIN_BEYOND_GAP] =
		{
			.code = "fin-beyond-gap",
			.severity = SEVERITY_INFO,
			.title = "bytes before the FIN are missing in the capture",
			.advice = "Check the capture for drops before you trust byte counts; if "
				  "nothing was dropped, the bytes were lost on the path before "
				  "the capture point.",
			.basis = "RFC 9293, 3.10.7.4",
		},
	[FINDING_FIN_UNACCEPTABLE] =
		{
			.code = "fin-unacceptable",
			.severity = SEVERITY_WARNING,
			.title = "a FIN that its receiver has to ignore",
			.advice = "Suspect a forged or very late segment if its number fits "
				  "nothing else in the connection: trace where it enters the "
				  "network.",
			.basis = "RFC 9293, 3.10.7.4",
		},
	[FINDING_RST_IN_WINDOW] =
		{
			.code = "rst-in-window",
			.severity = SEVERITY_WARNING,
			.title = "a reset inside the window but not at the expected number, "
				 "not accepted",
			.advice = "Expect a challenge ACK in answer; many of these point to a "
				  "blind reset attack or to a device that resets with stale "
				  "numbers.",
			.basis = "RFC 5961, 3.2",
		},
	[FINDING_RST_OUT_OF_WINDOW] =
		{
			.code = "rst-out-of-window",
			.severity = SEVERITY_WARNING,
			.title = "a reset outside the window, ignored",
			.advice = "Find out who sends it: a blind attacker, a firewall with "
				  "outdated state, or a host that still answers an earlier "
				  "connection.",
			.basis = "RFC 5961, 3.2",
		},
	[FINDING_RST_INJECTED] =
		{
			.code = "rst-injected",
			.severity = SEVERITY_ERROR,
			.title = "a reset that the end itself probably did not send",
			.advice = "Compare its TTL with the end's other segments and look for a "
				  "firewall, proxy or censor on the path that resets "
				  "connections.",
			.basis = "RFC 5961, 3",
		},
	[FINDING_STRAY_SYN] =
		{
			.code = "stray-syn",
			.severity = SEVERITY_INFO,
			.title = "a SYN with another initial number on a living connection",
			.advice = "Check whether the initiator crashed and reuses the port, or "
				  "whether a scanner or a NAT maps two hosts onto the same "
				  "address and port.",
			.basis = "RFC 5961, 4.2",
		},
	[FINDING_TIME_WAIT_REUSED_EARLY] =
		{
			.code = "time-wait-reused-early",
			.severity = SEVERITY_WARNING,
			.title = "the tuple was reused within 2MSL without the proof that "
				 "makes it safe",
			.advice = "Turn on TCP timestamps at both ends or widen the port range, "
				  "and avoid settings or NATs that recycle ports too soon.",
			.basis = "RFC 6191, 2",
		},
	[FINDING_TIME_WAIT_CUT_SHORT] =
		{
			.code = "time-wait-cut-short",
			.severity = SEVERITY_WARNING,
			.title = "the end in TIME_WAIT had forgotten it already",
			.advice = "Look for a shortened TIME_WAIT, a zero linger time or a load "
				  "balancer that drops state at once: late segments are now "
				  "answered by resets.",
			.basis = "RFC 9293, 3.6.1",
		},
	[FINDING_TIME_WAIT_ASSASSINATED] =
		{
			.code = "time-wait-assassinated",
			.severity = SEVERITY_WARNING,
			.title = "a reset of the peer may have ended TIME_WAIT early",
			.advice = "Turn on protection against it where the stack has it (Linux: "
				  "net.ipv4.tcp_rfc1337) and find out which old segment "
				  "provoked the reset.",
			.basis = "RFC 1337",
		},
	[FINDING_CLOSE_WAIT_STUCK] =
		{
			.code = "close-wait-stuck",
			.severity = SEVERITY_WARNING,
			.title = "the peer has closed, but the application does not close its "
				 "socket",
			.advice = "Look in the application at this end for a socket that is not "
				  "closed after end of file: such sockets leak until it "
				  "restarts.",
			.basis = "RFC 9293, 3.3.2",
		},
	[FINDING_FIN_WAIT_2_STUCK] =
		{
			.code = "fin-wait-2-stuck",
			.severity = SEVERITY_WARNING,
			.title = "this end has closed and waits for the peer to close too",
			.advice = "Look at the peer's application, which keeps its socket open, "
				  "and see that this end has a timeout for orphaned sockets.",
			.basis = "RFC 9293, 3.3.2",
		},
	[FINDING_LAST_ACK_MISSING] =
		{
			.code = "last-ack-missing",
			.severity = SEVERITY_INFO,
			.title = "both ends sent FIN, but one of them was never acknowledged",
			.advice = "Check whether the capture stopped early or dropped packets; "
				  "if not, a firewall may forget the connection at the second "
				  "FIN.",
			.basis = "RFC 9293, 3.6",
		},
	[FINDING_FIN_UNANSWERED] =
		{
			.code = "fin-unanswered",
			.severity = SEVERITY_WARNING,
			.title = "a FIN was sent again and never acknowledged",
			.advice = "Check whether the peer is gone or a firewall on the path has "
				  "forgotten the connection and drops it silently.",
			.basis = "RFC 9293, 3.8.3",
		},
	[FINDING_ICMP_UNREACHABLE] =
		{
			.code = "icmp-unreachable",
			.severity = SEVERITY_WARNING,
			.title = "the network reported the peer as unreachable",
			.advice = "Check the route, the host and the service at the address "
				  "that was reported, seen from the router that sent the "
				  "report.",
			.basis = "RFC 9293, 3.9.2.2",
		},
	[FINDING_ICMP_PROHIBITED] =
		{
			.code = "icmp-prohibited",
			.severity = SEVERITY_WARNING,
			.title = "a filter reported that the traffic is prohibited",
			.advice = "Check the rules of the firewall that sent the report: it "
				  "names itself by its address.",
			.basis = "RFC 1812, 5.2.7.1",
		},
	[FINDING_ICMP_TOO_BIG] =
		{
			.code = "icmp-too-big",
			.severity = SEVERITY_WARNING,
			.title = "a packet was too big for the path",
			.advice = "See that these reports reach the sender, and lower the MTU "
				  "or clamp the MSS where large transfers stall.",
			.basis = "RFC 9293, 3.7.2",
		},
	[FINDING_ICMP_TIME_EXCEEDED] =
		{
			.code = "icmp-time-exceeded",
			.severity = SEVERITY_WARNING,
			.title = "a packet was dropped because its TTL ran out",
			.advice = "Look for a routing loop near the router that sent the "
				  "report, unless someone was tracing the route.",
			.basis = "RFC 9293, 3.9.2.2",
		},
	[FINDING_ICMP_OTHER] =
		{
			.code = "icmp-other",
			.severity = SEVERITY_INFO,
			.title = "another ICMP error about this connection",
			.advice = "Read type and code in the detail; nothing needs to be done "
				  "unless it coincides with a failure.",
			.basis = "RFC 9293, 3.9.2.2",
		},
	[FINDING_TRACKING_LIMIT] =
		{
			.code = "tracking-limit",
			.severity = SEVERITY_INFO,
			.title = "the connection exceeded what is kept of one connection",
			.advice = "Read in the detail which bound was hit, and take the numbers "
				  "that depend on it as lower bounds.",
			.basis = "lastack's bounds",
		},
	[FINDING_OVERLAP_CONFLICT] =
		{
			.code = "overlap-conflict",
			.severity = SEVERITY_WARNING,
			.title = "the same sequence numbers were sent with different bytes",
			.advice = "Suspect injected data or an evasion: compare TTL and IP "
				  "identification of the two segments. Where both are genuine, "
				  "a proxy or a stack that retransmits other data is at fault.",
			.basis = "RFC 9293, 3.4",
		},
	[FINDING_DATA_BEYOND_WINDOW] =
		{
			.code = "data-beyond-window",
			.severity = SEVERITY_INFO,
			.title = "data beyond the receiver's window, never acknowledged",
			.advice = "Suspect a forged segment or a sender that ignores the window, "
				  "unless the capture misses window updates; the receiver drops "
				  "these bytes.",
			.basis = "RFC 9293, 3.10.7.4",
		},
	[FINDING_DATA_AFTER_RST] =
		{
			.code = "data-after-rst",
			.severity = SEVERITY_INFO,
			.title = "data came after the reset that ended the connection",
			.advice = "As a rule these bytes were on their way when the reset was "
				  "sent: the receiver never had them, so treat the transfer as "
				  "incomplete.",
			.basis = "RFC 9293, 3.5.2",
		},
	[FINDING_URGENT_DATA] =
		{
			.code = "urgent-data",
			.severity = SEVERITY_INFO,
			.title = "segments with urgent data",
			.advice = "New applications should not use it, and middleboxes clear it: "
				  "the bytes stand in line in the stream.",
			.basis = "RFC 6093, 5",
		},
	[FINDING_DPI_RISK] =
		{
			.code = "dpi-risk",
			.severity = SEVERITY_INFO,
			.title = "nDPI finds something risky in what the connection carries",
			.advice = "Read in the detail which risk it is, and decide whether this "
				  "application may do that in your network.",
			.basis = "nDPI 4.2, flow risks",
		},
	[FINDING_CAPTURE_LOSS] =
		{
			.code = "capture-loss",
			.severity = SEVERITY_INFO,
			.title = "the capture lost packets while the connection was open",
			.advice = "Treat what is missing, retransmitted or unanswered here with "
				  "care; give the capture a larger --buffer, a narrower --filter "
				  "or more --workers.",
			.basis = "capture",
		},
};

const struct finding_kind *finding_kind(enum finding_code code)
{
	static const struct finding_kind unknown = {"?", SEVERITY_INFO, "?", "?", "?"};

	return (size_t)code < FINDING_CODES ? &kinds[code] : &unknown;
}

enum finding_code finding_code_of(const char *name)
{
	for (unsigned code = 0; code < FINDING_CODES; code++)
		if (strcmp(kinds[code].code, name) == 0)
			return code;
	return FINDING_CODES;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[SEVERITIES] = {
		[SEVERITY_INFO] = "info",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};

	return (size_t)severity < SEVERITIES ? names[severity] : "?";
}
