/* What is said of each diagnosis. docs/diagnoses.md says the same at length. */
#include <stddef.h>

#include "report/diagnosis_private.h"

static const struct diagnosis_telling tellings[DIAGNOSIS_CODES] = {
	[DIAGNOSIS_KEEPALIVE_RACE] =
		{{"keepalive-race", "requests sent into a connection that the server was closing",
		  "The server closed an idle connection while the next request was on its way and "
		  "answered it with a reset. A proxy turns that into a 502, a client into a failed "
		  "or repeated request.",
		  "Make the server's keep-alive timeout longer than the time for which its client "
		  "or "
		  "proxy keeps idle connections, and let the client retry requests that are safe "
		  "to "
		  "repeat.",
		  "RFC 9112, 9.3.1 and 9.5"},
		 SEVERITY_ERROR,
		 "On {n}, {who} closed an idle connection and answered the request that was "
		 "already on "
		 "its way with a reset.",
		 "On {n}, {who} closed the connection after {silence} without data and answered "
		 "the "
		 "request that was already on its way with a reset.",
		 "The server's idle timeout is about {time}. Make it longer than the time for "
		 "which "
		 "its client or proxy keeps idle connections (or make that one shorter), and let "
		 "the "
		 "client retry requests that are safe to repeat."},
	[DIAGNOSIS_RESET_ON_IDLE] =
		{{"reset-on-idle", "idle connections are reset",
		  "After a silence one end reset the connection. Probably an idle timer did that: "
		  "the application's, or that of a proxy or load balancer that answers in its "
		  "name.",
		  "Find the timer at the end that resets or on the path to it, and send "
		  "keep-alives "
		  "more often than it runs, or close idle connections first.",
		  "RFC 1122, 4.2.3.6"},
		 SEVERITY_WARNING,
		 "{n} {were} reset by {who} after {range} of silence.",
		 "{n} {were} reset by {who} after {silence} of silence.",
		 "Look for a timer of {time} at the end that resets or on the path to it; send "
		 "keep-alives more often than that, or close idle connections sooner."},
	[DIAGNOSIS_RESET_ON_RESUME] =
		{{"reset-on-resume", "connections are reset when they speak again after a silence",
		  "After a silence one end spoke again and was answered with a reset: the other "
		  "end, or "
		  "a device on the path, had forgotten the connection in the meantime.",
		  "Send keep-alives more often than the shortest of these silences, or close idle "
		  "connections sooner.",
		  "RFC 5382, 5 (REQ-5)"},
		 SEVERITY_WARNING,
		 "{n} with {who} {were} silent for {range}; when an end spoke again, it was "
		 "answered "
		 "with a reset.",
		 "{n} with {who} {were} silent for {silence}; when an end spoke again, it was "
		 "answered "
		 "with a reset.",
		 "The connection was forgotten in less than {time}. Send keep-alives more often "
		 "than "
		 "that, or close idle connections sooner."},
	[DIAGNOSIS_RESET_AFTER_ACCEPT] =
		{{"reset-after-accept", "connections are reset before any data",
		  "The handshake was done, and one end reset the connection before any payload was "
		  "captured. A listener that is overloaded or refuses by address does this; so do "
		  "health checks that only open and abort.",
		  "If the server resets, look at its limits (backlog, connection limit, access "
		  "rules, "
		  "TLS set-up). If the client does, see whether it is a health check.",
		  "RFC 9293, 3.5.2"},
		 SEVERITY_WARNING,
		 "{n} {were} reset by {who} before any data.",
		 NULL,
		 NULL},
	[DIAGNOSIS_RESET_IN_TRANSFER] =
		{{"reset-in-transfer", "connections are reset between data",
		  "One end aborted the connection without a FIN: the application crashed, gave up, "
		  "or "
		  "closed with a linger time of zero. What was under way is lost to the peer.",
		  "Look in the log of the application at the end that resets, at these times; "
		  "let "
		  "it close with shutdown() and close() instead of aborting.",
		  "RFC 9293, 3.5.2 and 3.9.1.6"},
		 SEVERITY_WARNING,
		 "{n} {were} aborted by {who} after data had flowed.",
		 NULL,
		 NULL},
	[DIAGNOSIS_RESET_UNREAD_DATA] =
		{{"reset-unread-data", "sockets are closed with data unread",
		  "The socket was closed while received data was still in its buffer, so that its "
		  "system sent a reset. Answers that were on their way to the peer may be lost.",
		  "Let the application at this end read up to the end of file before it closes "
		  "(lingering close).",
		  "RFC 1122, 4.2.2.13"},
		 SEVERITY_WARNING,
		 "On {n}, {who} closed the socket with data unread.",
		 NULL,
		 NULL},
	[DIAGNOSIS_RESET_STATE_LOST] =
		{{"reset-state-lost", "an end no longer knows its connections",
		  "A segment of a living connection was answered as by a host that knows nothing "
		  "of "
		  "it: a restarted process or host, a fail-over, or a load balancer that sent the "
		  "segment to another one.",
		  "See whether the host restarted at these times, or whether a load balancer "
		  "moved "
		  "living connections.",
		  "RFC 9293, 3.10.7.1"},
		 SEVERITY_WARNING,
		 "On {n}, {who} answered a segment as a host does that does not know the "
		 "connection.",
		 NULL,
		 NULL},
	[DIAGNOSIS_KEEPALIVE_FAILED] = {{"keepalive-failed", "keep-alive probes go unanswered",
					 "One end probed an idle connection, got no answer and "
					 "reset it: the peer was gone, or "
					 "the path dropped its segments.",
					 "Look for a firewall or NAT that forgot the idle "
					 "connection, or for peers that vanish "
					 "(laptops, mobile clients).",
					 "RFC 1122, 4.2.3.6"},
					SEVERITY_WARNING,
					"On {n}, {who} probed in vain and gave up with a reset.",
					NULL,
					NULL},
	[DIAGNOSIS_RETRANSMISSION_FAILED] =
		{{"retransmission-failed", "data is sent again and again in vain",
		  "One end repeated the same segment three times or more without an answer and "
		  "then "
		  "reset the connection.",
		  "Look for loss, an MTU black hole (only large segments are repeated), or a "
		  "firewall "
		  "that drops the connection.",
		  "RFC 9293, 3.8.3"},
		 SEVERITY_WARNING,
		 "On {n}, {who} repeated a segment in vain and gave up with a reset.",
		 NULL,
		 NULL},
	[DIAGNOSIS_RESET_AFTER_CLOSE] =
		{{"reset-after-close", "connections are reset while closing",
		  "A connection that was being closed by FIN ended with a reset. Mostly one end "
		  "had "
		  "closed its socket and the peer still sent data.",
		  "Harmless where the data does not matter. Else let the end that closes first "
		  "shut down "
		  "its sending side only and read to the end of file before it closes.",
		  "RFC 9293, 3.6.1"},
		 SEVERITY_INFO,
		 "{n} {were} reset by {who} after a FIN.",
		 NULL,
		 NULL},
	[DIAGNOSIS_RESET_INJECTED] =
		{{"reset-injected", "resets that their apparent sender did not send",
		  "The reset's TTL does not fit its sender's other segments, or both ends went on "
		  "as if "
		  "there had been none: something on the path made it.",
		  "Look on the path for a firewall, intrusion prevention, proxy or censor that "
		  "resets "
		  "connections. The TTL tells how far from the capture point it is.",
		  "RFC 5961, 3"},
		 SEVERITY_ERROR,
		 "On {n}, a reset came in the name of {who} that somebody else probably sent.",
		 NULL,
		 NULL},
	[DIAGNOSIS_BLIND_RESET] =
		{{"blind-reset", "resets at numbers that the receiver does not expect",
		  "Resets came whose sequence number was not the one expected. A receiver that "
		  "follows "
		  "RFC 5961 does not end the connection for them.",
		  "A few come from segments that crossed. Many of them, at numbers that wander, "
		  "are a "
		  "blind attack or a device with outdated state: compare TTLs and trace the "
		  "sender.",
		  "RFC 5961, 3.2"},
		 SEVERITY_WARNING,
		 "{n} saw resets in the name of {who} at numbers that were not expected.",
		 NULL,
		 NULL},
	[DIAGNOSIS_CLOSE_WAIT_HELD] =
		{{"close-wait-held", "a server does not close its sockets",
		  "The client closed, the server's system knows it, and its application did not "
		  "close "
		  "the socket: it leaks descriptors until it restarts.",
		  "Look in the server's application for a connection that is not closed after end "
		  "of "
		  "file or an error; count its sockets with `ss -tan state close-wait`.",
		  "RFC 9293, 3.3.2"},
		 SEVERITY_ERROR,
		 "On {n}, the client had closed and {who} stayed in CLOSE_WAIT for {stuck} or "
		 "longer.",
		 NULL,
		 NULL},
	[DIAGNOSIS_FIN_WAIT_2_HELD] =
		{{"fin-wait-2-held", "clients do not close after the server has",
		  "The server closed, the client's system acknowledged it, and the client's "
		  "application "
		  "keeps its socket open. The server waits in FIN_WAIT_2 or has given up already.",
		  "Look at the client's connection pool: it should notice end of file on idle "
		  "connections. At the server a timeout for orphans (Linux: tcp_fin_timeout) "
		  "bounds "
		  "the harm.",
		  "RFC 9293, 3.3.2"},
		 SEVERITY_WARNING,
		 "On {n}, {who} had closed and waited in FIN_WAIT_2 for {stuck} or longer.",
		 NULL,
		 NULL},
	[DIAGNOSIS_HALF_CLOSED] =
		{{"half-closed", "one end closed, the other had not yet",
		  "A FIN was acknowledged, and the other end sent neither FIN nor reset before the "
		  "watching ended.",
		  "If the capture merely stopped too early, nothing. Else see which application "
		  "keeps "
		  "its side open.",
		  "RFC 9293, 3.6"},
		 SEVERITY_INFO,
		 "{n} {were} still half closed when the watching ended; {who} had closed.",
		 NULL,
		 NULL},
	[DIAGNOSIS_FIN_UNANSWERED] =
		{{"fin-unanswered", "FINs are repeated and never acknowledged",
		  "One end closed, sent its FIN again and again, and nothing of the peer "
		  "acknowledged "
		  "it.",
		  "See whether the peer is gone, or whether a firewall forgot the idle connection "
		  "and "
		  "drops its segments without a word.",
		  "RFC 9293, 3.8.3"},
		 SEVERITY_WARNING,
		 "On {n}, the FIN of {who} was repeated and never acknowledged.",
		 NULL,
		 NULL},
	[DIAGNOSIS_LAST_ACK_MISSING] =
		{{"last-ack-missing", "the last ACK is missing",
		  "Both ends sent FIN, and one of these was never acknowledged in the capture: its "
		  "sender stays in LAST_ACK and sends it again.",
		  "See whether the capture lost packets. If not, a firewall may forget the "
		  "connection "
		  "at the second FIN, or the end in TIME_WAIT does not answer.",
		  "RFC 9293, 3.6"},
		 SEVERITY_INFO,
		 "On {n}, the FIN of {who} was never acknowledged.",
		 NULL,
		 NULL},
	[DIAGNOSIS_FELL_SILENT] =
		{{"fell-silent", "connections fell silent without an end",
		  "Established connections sent nothing for the last five minutes of the capture "
		  "or "
		  "longer and were not closed: idle ones that are kept, or peers that are gone.",
		  "Nothing where connections are pooled. Else turn on TCP keep-alive, so that dead "
		  "peers "
		  "are noticed.",
		  "RFC 1122, 4.2.3.6"},
		 SEVERITY_INFO,
		 "{n} with {who} fell silent five minutes or more before the capture ended.",
		 NULL,
		 NULL},
	[DIAGNOSIS_FIN_VIOLATED] =
		{{"fin-violated", "FINs whose sequence numbers do not add up",
		  "A FIN takes exactly one sequence number, after the last byte of data. Here its "
		  "sender or its receiver did not keep to that, or the numbers were changed on the "
		  "way.",
		  "Look for a stack or middlebox that does not count the FIN, or for a device that "
		  "rewrites sequence numbers or acknowledges in place of an end, and see whether "
		  "the capture misses segments; `lastack query --finding` with the codes below "
		  "shows each case.",
		  "RFC 9293, 3.4"},
		 SEVERITY_ERROR,
		 "On {n}, the numbers around a FIN break the rule that it takes one sequence "
		 "number; first of all at {who}.",
		 NULL,
		 NULL},
	[DIAGNOSIS_PORT_REFUSED] = {{"port-refused", "connections to a port are refused",
				     "Nothing listens on the port, or a firewall answers with a "
				     "reset in the host's name.",
				     "Start the service, or correct the address at its clients.",
				     "RFC 9293, 3.10.7.1"},
				    SEVERITY_WARNING,
				    "{n} to {who} {were} refused.",
				    NULL,
				    NULL},
	[DIAGNOSIS_PORT_UNANSWERED] = {{"port-unanswered", "SYNs go unanswered",
					"The host is down, a firewall drops the SYNs without a "
					"word, or the listener's queue "
					"is full.",
					"See whether the host is up and whether a firewall drops "
					"the port; on the server, "
					"`nstat -az TcpExtListenDrops` counts a full queue.",
					"RFC 9293, 3.8.3"},
				       SEVERITY_WARNING,
				       "The SYN of {n} to {who} got no answer.",
				       NULL,
				       NULL},
	[DIAGNOSIS_PORT_SCAN] = {{"port-scan", "a host tries many services in vain",
				  "One host opened connections to 16 different addresses and ports "
				  "or more that were "
				  "refused, unanswered or aborted in the handshake: a scan, or a "
				  "client with a long list "
				  "of dead servers.",
				  "See what runs on this host. Its attempts are left out of the "
				  "diagnoses of single "
				  "ports.",
				  "RFC 9293, 3.10.7"},
				 SEVERITY_WARNING,
				 "{n} by {who} {were} attempts at many services that failed.",
				 NULL,
				 NULL},
	[DIAGNOSIS_HANDSHAKE_UNFINISHED] =
		{{"handshake-unfinished", "handshakes are not finished",
		  "The server answered the SYN, and the client neither finished the handshake nor "
		  "stayed: "
		  "a SYN flood, a scan, or a path on which the third segment is lost.",
		  "Many of them from addresses that do nothing else are a flood: see that SYN "
		  "cookies "
		  "are on. From ordinary clients: look for a route or firewall that loses one "
		  "direction.",
		  "RFC 4987"},
		 SEVERITY_WARNING,
		 "{n} to {who} {were} answered and never finished the handshake.",
		 NULL,
		 NULL},
	[DIAGNOSIS_PATH_REFUSED] = {{"path-refused",
				     "routers or hosts report that segments cannot be delivered",
				     "ICMP errors came back for segments of these connections: "
				     "unreachable, or prohibited "
				     "by a filter.",
				     "Check route, host and firewall at the address that reports: "
				     "the finding's detail "
				     "names it.",
				     "RFC 9293, 3.9.2.2"},
				    SEVERITY_WARNING,
				    "{n} to {who} {were} answered with ICMP errors.",
				    NULL,
				    NULL},
	[DIAGNOSIS_REUSED_EARLY] =
		{{"reused-early", "ports are reused before TIME_WAIT is over",
		  "A SYN came for a pair of addresses and ports in TIME_WAIT that nothing proves "
		  "to be "
		  "new: old segments may be taken for new ones, and the SYN may be ignored.",
		  "Turn on TCP timestamps at both ends, widen the range of ephemeral ports, and "
		  "look for "
		  "a NAT that gives ports out again at once.",
		  "RFC 6191, 2"},
		 SEVERITY_WARNING,
		 "{n} with {who} {were} followed by a SYN too early for their TIME_WAIT.",
		 NULL,
		 NULL},
	[DIAGNOSIS_TIME_WAIT_CUT_SHORT] = {{"time-wait-cut-short",
					    "TIME_WAIT is given up too early",
					    "The end that had to remember the connection for 2MSL "
					    "answered one of its segments "
					    "with a reset: it had forgotten it.",
					    "Look for a lowered TIME_WAIT time, a linger time of "
					    "zero, or a load balancer that "
					    "drops its state at once.",
					    "RFC 9293, 3.6.1"},
					   SEVERITY_WARNING,
					   "On {n}, {who} did not keep TIME_WAIT for 2MSL.",
					   NULL,
					   NULL},
	[DIAGNOSIS_TIME_WAIT_ASSASSINATED] =
		{{"time-wait-assassinated", "late resets hit ends in TIME_WAIT",
		  "After the close a reset of the peer came at the number that the end in "
		  "TIME_WAIT "
		  "expects. Unless its system has the fix, that ended TIME_WAIT.",
		  "Turn on the protection (Linux: net.ipv4.tcp_rfc1337=1) and find the old segment "
		  "that "
		  "provoked the reset.",
		  "RFC 1337"},
		 SEVERITY_WARNING,
		 "On {n}, a late reset hit {who} in TIME_WAIT.",
		 NULL,
		 NULL},
	[DIAGNOSIS_TIME_WAIT_PRESSURE] =
		{{"time-wait-pressure", "an address holds many TIME_WAITs",
		  "Each TIME_WAIT of a client binds one of its ports towards a service until 2MSL "
		  "are over: when all are bound, new connections fail with EADDRNOTAVAIL. Those of "
		  "a server take memory and bind no port of its own.",
		  "At a client keep connections open and use them again, or let the server close "
		  "first; as a stop-gap widen net.ipv4.ip_local_port_range or turn on "
		  "net.ipv4.tcp_tw_reuse. At a server nothing, or let the clients close first.",
		  "RFC 9293, 3.6.1"},
		 SEVERITY_WARNING,
		 "",
		 NULL,
		 NULL},
	[DIAGNOSIS_EFFECTIVE_MSL] =
		{{"effective-msl", "how soon addresses in TIME_WAIT accept a new connection",
		  "The shortest time after which an address in TIME_WAIT took the same pair of "
		  "addresses "
		  "and ports again, for a SYN that it could tell from an old one. Hosts that do "
		  "this "
		  "need not wait for 2MSL.",
		  "Nothing: it shows how long TIME_WAIT binds a port in practice.", "RFC 6191, 2"},
		 SEVERITY_INFO,
		 "",
		 NULL,
		 NULL},
};

const struct diagnosis_telling *diagnosis_telling(enum diagnosis_code code)
{
	return &tellings[code];
}

const struct diagnosis_kind *diagnosis_kind_at(size_t index)
{
	return index < DIAGNOSIS_CODES ? &tellings[index].kind : NULL;
}

const char *abort_stage_name(enum abort_stage stage)
{
	static const char *const names[ABORT_STAGES] = {
		[ABORT_AFTER_SYN] = "after_syn",
		[ABORT_AFTER_ACK] = "after_ack",
		[ABORT_AFTER_FIRST_DATA] = "after_first_data",
		[ABORT_LATER] = "later",
	};

	return stage < ABORT_STAGES ? names[stage] : "?";
}

const char *abort_by_name(enum abort_by by)
{
	static const char *const names[ABORT_BYS] = {
		[ABORT_RST] = "rst",
		[ABORT_RST_ACK] = "rst_ack",
		[ABORT_SEVERAL] = "several",
		[ABORT_SILENCE] = "silence",
	};

	return by < ABORT_BYS ? names[by] : "?";
}
