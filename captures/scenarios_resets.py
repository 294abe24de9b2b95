"""Connections that end by RST, RSTs that end nothing, attempts that become no connection."""
import contextlib
import socket

from expect import ANY, INITIATOR, RESPONDER, row
from relay import LOST, LOST_UNSEEN, UNSEEN
from scenarios import HELLO, TALK, Register
from stage import *

scenario = Register()
NO_DATA = {"bytes_initiator": 0, "bytes_responder": 0}
OTHER_TTL = 41  # of a box on the way; the ends' segments have 64


@scenario(TALK + " >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="application_abort", ranges={"rst_silence_ns": (0.1, 1)}))
def rst_linger_client(stage):
	"""The client closes with SO_LINGER 0."""
	at_a, _ = stage.talk()
	abort(at_a)
	stage.quiet()


@scenario(TALK + " <RA", row("rst_abort", RESPONDER, rst_stage="established",
	rst_cause="application_abort"), tap="B")
def rst_linger_server(stage):
	"""The server closes with SO_LINGER 0; captured next to it."""
	_, at_b = stage.talk()
	abort(at_b)
	stage.quiet()


@scenario(HELLO + " <RA", row("rst_abort", RESPONDER, rst_stage="established_no_data",
	rst_cause="application_abort", **NO_DATA))
def rst_no_data(stage):
	"""The server accepts and closes with SO_LINGER 0 before any payload."""
	_, at_b = stage.connect()
	abort(at_b)
	stage.quiet()


@scenario(HELLO + " >400 <A <RA", row("rst_abort", RESPONDER, rst_stage="after_first_data",
	rst_cause="application_abort", bytes_initiator=400, bytes_responder=0))
def rst_after_first_data(stage):
	"""The server reads the first segment of payload and closes with SO_LINGER 0."""
	at_a, at_b = stage.connect()
	at_a.sendall(b"q" * 400)
	read(at_b, 400)
	stage.quiet()
	abort(at_b)
	stage.quiet()


@scenario(TALK + " <1000 >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="unread_data", bytes_responder=1007))
def rst_unread_data(stage):
	"""The client closes as soon as 1000 bytes have arrived, without reading them: the RST is the
	only segment that acknowledges them."""
	at_a, at_b = stage.talk()
	at_a.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
	at_b.sendall(b"d" * 1000)
	wait_readable(at_a)
	at_a.close()
	stage.quiet()


@scenario(TALK + " <1000 >A >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="application_abort", bytes_responder=1007))
def rst_unread_data_acked(stage):
	"""The client's kernel acknowledges 1000 bytes, the client closes later without reading them:
	the capture cannot tell this from any other abort."""
	at_a, at_b = stage.talk()
	at_b.sendall(b"d" * 1000)
	stage.quiet()
	at_a.close()
	stage.quiet()


@scenario(TALK + " >F <A <300 >R", row("rst_after_fin", INITIATOR, rst_stage="fin_wait_2",
	rst_cause="data_after_close", bytes_responder=307, half_close_bytes=300, conn_state=ANY))
def rst_data_after_close(stage):
	"""The client closes both directions; the server sends 300 bytes more: nobody can read them."""
	at_a, at_b = stage.talk()
	at_a.close()
	read_to_end(at_b)
	stage.quiet()
	at_b.sendall(b"d" * 300)
	stage.quiet()


@scenario(TALK + " >F <A >RA", row("rst_after_fin", INITIATOR, rst_stage="fin_wait_2",
	rst_cause="application_abort"))
def rst_in_fin_wait_2(stage):
	"""The client is done (shutdown), loses patience and closes with SO_LINGER 0."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	abort(at_a)
	stage.quiet()


@scenario(TALK + " >F <A <RA", row("rst_after_fin", INITIATOR, rst_by=RESPONDER,
	rst_stage="close_wait", rst_cause="application_abort"))
def rst_in_close_wait(stage):
	"""The client closes; the server, in CLOSE_WAIT, closes with SO_LINGER 0."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	abort(at_b)
	stage.quiet()


@scenario(TALK + " <RA", row("rst_abort", RESPONDER, rst_stage="established",
	rst_cause="idle_timeout", ranges={"rst_silence_ns": (64.9, 66)}))
def rst_idle(stage):
	"""After 65 s of silence (the capture clock is moved) the server gives up with SO_LINGER 0."""
	_, at_b = stage.talk()
	stage.relay.move_clock(65)
	abort(at_b)
	stage.quiet()


@scenario(TALK + " (>A ){3}>RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="keepalive_failure", ranges={"rst_silence_ns": (0.8, 1.6)}))
def keepalive_failure(stage):
	"""The server vanishes; the client's three keep-alive probes (1 s apart) stay unanswered."""
	at_a, _ = stage.talk()
	for name, value in (
			(socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
		at_a.setsockopt(socket.IPPROTO_TCP, name, value)
	stage.relay.rule(when(sent_by(BY_A), LOST))
	at_a.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
	with contextlib.suppress(OSError):
		at_a.recv(1)
	stage.quiet()


@scenario(TALK + " >50( >50){3,} >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="retransmission_failure", bytes_initiator=55, retransmitted_initiator=ANY))
def retransmission_failure(stage):
	"""The path to the server breaks; the client's data is sent again at least three times, then the
	program gives up with SO_LINGER 0."""
	at_a, _ = stage.talk()
	stage.relay.rule(when(sent_by(BY_A), LOST))
	at_a.sendall(b"d" * 50)
	stage.wait(2.4)
	abort(at_a)
	stage.quiet()
	return {"retransmitted_initiator": stage.shape().count(">50") - 1}


@scenario(TALK + " >50( >50)+ <20 >R", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="no_such_connection", bytes_initiator=55, bytes_responder=27,
	retransmitted_initiator=ANY))
def user_timeout(stage):
	"""The path to the server breaks; TCP_USER_TIMEOUT drops the client's connection silently; what
	the server sends then is answered by a host that knows nothing of it."""
	at_a, at_b = stage.talk()
	at_a.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 700)
	stage.relay.rule(when(sent_by(BY_A, data=True), LOST))
	at_a.sendall(b"d" * 50)
	with contextlib.suppress(OSError):
		at_a.recv(1)
	at_b.sendall(b"r" * 20)
	stage.quiet()
	return {"retransmitted_initiator": stage.shape().count(">50") - 1}


@scenario(TALK + " >50 <R", row("rst_abort", RESPONDER, rst_stage="established",
	rst_cause="no_such_connection", bytes_initiator=55))
def state_lost(stage):
	"""The server forgets the connection, as after a restart; the client's next data is answered by
	RST without ACK."""
	at_a, at_b = stage.talk()
	forget(at_b)
	stage.wait(0.2)
	at_a.sendall(b"d" * 50)
	stage.quiet()


@scenario(TALK + " >F <A <F >R", row("rst_after_fin", INITIATOR, rst_stage="fin_wait_2",
	rst_cause="no_such_connection", fin_check_responder="unverified", conn_state=ANY))
def state_lost_after_fin(stage):
	"""The client's host forgets the connection after its FIN was acknowledged; the server's FIN is
	answered by RST without ACK."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	forget(at_a)
	at_b.close()
	stage.quiet()


CLOSED_PORT = {"responder_port": 8001}


@scenario(">S <RA", row("refused", RESPONDER, **CLOSED_PORT))
def refused(stage):
	"""A SYN to a port on which nobody listens."""
	stage.try_to_connect(to=8001)
	stage.quiet()


@scenario(">S <RA " + TALK + " >F <A <F >A", row("refused", RESPONDER),
	row("four_way", INITIATOR))
def refused_then_accepted(stage):
	"""Refused, the server starts, the client tries again from the same port: two incarnations."""
	stage.try_to_connect()
	stage.quiet()
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(">S >S", row("unanswered", responder_port=8000))
def unanswered(stage):
	"""The client's SYNs get lost behind the tap."""
	stage.relay.rule(when(sent_by(BY_A, SYN), LOST))
	stage.try_to_connect(seconds=1.6)


@scenario(">S >S <RA", row("unanswered", end_reason="idle_timeout"), row("refused", RESPONDER,
	initiator_port=40002, responder_port=8001))
def unanswered_forgotten(stage):
	"""A SYN gets lost and its program gives up; 250 s later (the clock is moved), after 2MSL,
	another connection shows."""
	stage.relay.rule(when(sent_by(BY_A, SYN), LOST), times=1)
	stage.try_to_connect(seconds=0.2)
	stage.relay.move_clock(250)
	stage.try_to_connect(port=40002, to=8001)
	stage.quiet()


@scenario(">S >S <SA >A >5 <A <7 >A >F <A <F >A", row("four_way", INITIATOR,
	ranges={"handshake_rtt_ns": (0.9, 2)}))
def syn_lost(stage):
	"""The first SYN gets lost behind the tap, the second is answered."""
	stage.relay.rule(when(sent_by(BY_A, SYN), LOST), times=1)
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(">S <SA >R", row("handshake_aborted", INITIATOR, rst_cause="half_open"))
def handshake_aborted(stage):
	"""The client closes before the SYN|ACK comes: its kernel answers that with RST."""
	stage.listen()
	stage.try_to_connect(seconds=0.002)
	stage.quiet()


@scenario(">S <SA <SA", row("handshake_incomplete"))
def handshake_incomplete(stage):
	"""The client's part of the handshake's end is lost before the tap: SYN|ACK comes twice."""
	stage.listen()
	stage.relay.rule(when(sent_by(BY_A), LOST_UNSEEN))
	stage.client().connect((SERVER, SERVER_PORT))
	stage.wait(1.5)


def blind_reset(stage, from_a, distance, ttl=64):
	"""A talk, a RST with SEQ this far from the exact number, another exchange, a four-way close."""
	at_a, at_b = stage.talk()
	fake = stage.newest(from_a)
	stage.relay.put(from_a, fake.changed(flags=RST, seq=fake.seq + distance, ack=0, ttl=ttl))
	stage.quiet()
	stage.exchange(at_a, at_b)
	close_four_way(stage, at_a, at_b)


AGAIN = r" >5 <A <7 >A >F <A <F >A"
TWICE = {"bytes_initiator": 10, "bytes_responder": 14, "conn_state": ANY}


@scenario(TALK + " >R <A" + AGAIN, row("four_way", INITIATOR, rst_in_window=1,
	findings=["rst-in-window"], **TWICE))
def rst_blind_in_window(stage):
	"""A RST 100 bytes above the server's RCV.NXT: a challenge ACK, the connection lives on."""
	blind_reset(stage, BY_A, 100)


@scenario(TALK + " <R >A" + AGAIN, row("four_way", INITIATOR, rst_in_window=1,
	findings=["rst-in-window"], **TWICE), tap="B")
def rst_blind_in_window_client(stage):
	"""The same against the client: 200 bytes above its RCV.NXT."""
	blind_reset(stage, BY_B, 200)


@scenario(TALK + " >R( <A)?" + AGAIN, row("four_way", INITIATOR, rst_out_of_window=1,
	findings=["rst-out-of-window"], **TWICE))
def rst_blind_out_of_window(stage):
	"""A RST a million bytes above the server's RCV.NXT: ignored."""
	blind_reset(stage, BY_A, 1000000)


@scenario(TALK + " >R( <A)?" + AGAIN, row("four_way", INITIATOR, rst_out_of_window=1,
	findings=["rst-out-of-window"], **TWICE))
def rst_blind_below_window(stage):
	"""A RST three bytes below the server's RCV.NXT, where it has read already: ignored."""
	blind_reset(stage, BY_A, -3)


@scenario(TALK + " >R" + AGAIN, row("four_way", INITIATOR, rst_injected=1,
	findings=["rst-injected"], **TWICE))
def rst_taken_back(stage):
	"""An exact RST with another TTL is captured and does not arrive: both ends go on, so it ended
	nothing."""
	at_a, at_b = stage.talk()
	fake = stage.newest(BY_A).changed(flags=RST, ack=0, ttl=OTHER_TTL)
	stage.relay.put(BY_A, fake, arrives=False)
	stage.quiet()
	stage.exchange(at_a, at_b)
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >RA <RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="application_abort", rst_injected=1, findings=["rst-injected"], conn_state="RSTR"))
def rst_injected(stage):
	"""A box on the way kills the connection: exact RSTs in both names, with another TTL."""
	stage.talk()
	for from_a in (BY_A, BY_B):
		stage.relay.put(from_a, stage.newest(from_a).changed(flags=RST | ACK, ttl=OTHER_TTL))
	stage.quiet()


@scenario("<RA <RA", row("stray", ANY, midstream=1, responder_port=8001, packets_initiator=0,
	**dict.fromkeys(("rst_by", "rst_stage", "rst_cause", "rst_silence_ns", "rst_injected"), ANY)))
def stray_rst(stage):
	"""The capture holds the server's refusals only, not the SYNs they answer."""
	stage.relay.rule(when(sent_by(BY_A, SYN), UNSEEN))
	for _ in range(2):
		stage.try_to_connect(to=8001)
		stage.wait(0.2)
	stage.quiet()


def no_route(stage, kind):
	stage.b.sysctl("net/ipv4/ip_forward", 1)
	stage.b.ip("route add %s 198.51.100.0/24" % kind)
	stage.a.ip("route add 198.51.100.0/24 via " + SERVER)
	stage.try_to_connect(server="198.51.100.7")
	stage.quiet()


@scenario(">S", row("unanswered", responder_ip="198.51.100.7", findings=["icmp-unreachable"]),
	count=False)
def icmp_unreachable(stage):
	"""The router answers the SYN with ICMP host unreachable."""
	no_route(stage, "unreachable")


@scenario(">S", row("unanswered", responder_ip="198.51.100.7", findings=["icmp-prohibited"]),
	count=False)
def icmp_prohibited(stage):
	"""The router answers the SYN with ICMP communication administratively prohibited."""
	no_route(stage, "prohibit")
