"""TIME_WAIT and what follows it, several connections of one tuple, odd beginnings, number wraps."""
import socket
import threading

from expect import ANY, INITIATOR, RESPONDER, row
from relay import LOST, PASSES, UNSEEN, Fate
from scenarios import TALK, Register
from stage import *

scenario = Register()
MSG_FASTOPEN = 0x20000000
SERVER_FIRST = TALK + " <F >F <A"
SECOND_TALK = " >S <SA >A >9 <A <11 >A >F <A <F >A"
SECOND = {"bytes_initiator": 9, "bytes_responder": 11}
NO_TIMESTAMPS = {"tcp_timestamps": 0}


def second_talk(stage):
	at_a, at_b = stage.connect()
	stage.exchange(at_a, at_b, 9, 11)
	close_four_way(stage, at_a, at_b)


def later_connection(stage, seconds):
	"""Moves the capture clock and shows one more packet exchange, of another tuple."""
	stage.relay.move_clock(seconds)
	stage.try_to_connect(port=40002, to=8001)
	stage.quiet()


LATER = row("refused", RESPONDER, initiator_port=40002, responder_port=8001)


@scenario(TALK + " >F <A <F >A >S <RA", row("four_way", INITIATOR, time_wait_check="held",
	time_wait_observed_ns=240 * 10**9), LATER)
def time_wait_held(stage):
	"""TIME_WAIT is left alone for 2MSL: the next packet comes 241 s later (the clock is moved)."""
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)
	later_connection(stage, 241)


@scenario(TALK + " >F <A <F >A >S <RA", row("four_way", INITIATOR, time_wait_check="held",
	time_wait_observed_ns=60 * 10**9), LATER, options=("--msl", "30"),
	again=[((), [row("four_way", INITIATOR, ranges={"time_wait_observed_ns": (60.9, 63)}), LATER])])
def time_wait_held_msl_30(stage):
	"""61 s of TIME_WAIT are enough with an MSL of 30 s, Linux's, not with the standard's 120 s."""
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)
	later_connection(stage, 61)


def reused(rule, answer="syn_ack", **columns):
	return row("three_segment", RESPONDER, **{"time_wait_check": "reused_ok", "reuse_by": "peer",
		"reuse_rule": rule, "reuse_answer": answer, "ranges": {"reuse_delay_ns": (0.05, 1)},
		**columns})


def talk_then_server_closes(stage):
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_b, at_a)


@scenario(SERVER_FIRST + SECOND_TALK, reused("timestamp_newer"),
	row("four_way", INITIATOR, **SECOND))
def time_wait_reuse_timestamp(stage):
	"""The server holds TIME_WAIT; the client comes again from its port with a newer timestamp."""
	talk_then_server_closes(stage)
	second_talk(stage)


@scenario(SERVER_FIRST + SECOND_TALK, reused("isn_greater"), row("four_way", INITIATOR, **SECOND),
	sysctls=NO_TIMESTAMPS)
def time_wait_reuse_isn(stage):
	"""The same without timestamps: the greater ISN allows it."""
	talk_then_server_closes(stage)
	second_talk(stage)


@scenario(SERVER_FIRST + SECOND_TALK, reused("timestamps_added"),
	row("four_way", INITIATOR, **SECOND), sysctls=NO_TIMESTAMPS)
def time_wait_reuse_timestamps_added(stage):
	"""The first connection has no timestamps, the client's second SYN has one."""
	talk_then_server_closes(stage)
	for end in (stage.a, stage.b):
		end.sysctl("net/ipv4/tcp_timestamps", 1)
	second_talk(stage)


@scenario(SERVER_FIRST + SECOND_TALK, reused("isn_greater"), row("four_way", INITIATOR, **SECOND))
def time_wait_reuse_timestamps_dropped(stage):
	"""The first connection has timestamps, the client's second SYN has none, but a greater ISN."""
	talk_then_server_closes(stage)
	stage.a.sysctl("net/ipv4/tcp_timestamps", 0)
	second_talk(stage)


@scenario(TALK + " >F <F >A" + SECOND_TALK, row("three_segment", INITIATOR,
	time_wait_check="reused_ok", reuse_by="holder", reuse_rule="timestamp_newer",
	reuse_answer="syn_ack", ranges={"reuse_delay_ns": (1.1, 2.5)}),
	row("four_way", INITIATOR, **SECOND))
def time_wait_reuse_by_holder(stage):
	"""The client holds TIME_WAIT and itself connects again from that port (tcp_tw_reuse)."""
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_a, at_b)
	stage.a.sysctl("net/ipv4/tcp_tw_reuse", 1)
	stage.wait(1.3)
	second_talk(stage)


@scenario(SERVER_FIRST + " >S <A >R" + SECOND_TALK, reused("none", "ack",
	time_wait_check="reused_early", findings=["time-wait-reused-early"]),
	row("four_way", INITIATOR, **SECOND), sysctls=NO_TIMESTAMPS)
def time_wait_reused_early(stage):
	"""The second SYN has a lower ISN and no timestamp: the server answers with the old ACK, the
	client's RST ends that TIME_WAIT (RFC 1337), the SYN comes again and is accepted."""
	talk_then_server_closes(stage)
	shift(stage, BY_A, stage.newest(BY_A).seq - 200000)
	second_talk(stage)


@scenario(SERVER_FIRST + " >S <SA >A >9 <A <11 >A >F <A <F >A", row("three_segment", RESPONDER,
	time_wait_check="held"), row("four_way", INITIATOR, **SECOND))
def same_tuple_after_2msl(stage):
	"""The same tuple again, 250 s later (the clock is moved): no reuse, TIME_WAIT was held."""
	talk_then_server_closes(stage)
	stage.relay.move_clock(250)
	second_talk(stage)


@scenario(TALK + " >F <A <F >A <F >R", row("four_way", INITIATOR, time_wait_check="cut_short",
	fin_retransmissions_responder=1, findings=["time-wait-cut-short"], conn_state=ANY),
	sysctls={"tcp_max_tw_buckets": 0})
def time_wait_cut_short(stage):
	"""The client's host keeps no TIME_WAIT (tcp_max_tw_buckets 0): the last ACK is lost, and the
	server's FIN, sent again, is answered by RST."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.wait(0.3)
	stage.relay.rule(when(sent_by(BY_A, pure_ack=True), LOST), times=1)
	at_b.close()
	stage.quiet(0.6)


@scenario(TALK + " <7 >A >F <A <F >A <7 >A <R", row("four_way", INITIATOR, bytes_responder=14,
	retransmitted_responder=1, time_wait_check="assassinated", conn_state=ANY,
	findings=["time-wait-assassinated"]))
def time_wait_assassinated(stage):
	"""An old copy of the server's data comes out of the network after the close: TIME_WAIT answers
	with an ACK, the server knows nothing any more and its RST ends TIME_WAIT (RFC 1337)."""
	at_a, at_b = stage.talk()

	def again(from_a, segment):
		if not sent_by(BY_B, data=True)(from_a, segment):
			return None
		stage.relay.put(BY_B, segment, after=1.2)
		return PASSES

	stage.relay.rule(again, times=1)
	at_b.sendall(b"r" * 7)
	read(at_a, 7)
	stage.quiet()
	close_four_way(stage, at_a, at_b)
	stage.quiet(1.0)


@scenario(">S " + TALK + " >F <A <F >A", row("unanswered", end_reason="superseded"),
	row("four_way", INITIATOR))
def superseded(stage):
	"""A SYN is lost and its program gives up; a new one from the same port has another ISN."""
	stage.relay.rule(when(sent_by(BY_A, SYN), LOST), times=1)
	stage.try_to_connect(seconds=0.2)
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >S <A >F <A <F >A", row("four_way", INITIATOR, findings=["stray-syn"],
	conn_state=ANY))
def stray_syn(stage):
	"""A foreign SYN with another ISN hits the living connection: a challenge ACK, nothing more."""
	at_a, at_b = stage.talk()
	fake = stage.newest(BY_A)
	stage.relay.put(BY_A, fake.changed(flags=SYN, seq=fake.seq + 5000000, ack=0))
	stage.quiet()
	close_four_way(stage, at_a, at_b)


@scenario(r"(>S <S|<S >S) (>SA <SA|<SA >SA)( >A| <A)* >5 <A <7 >A >F <A <F >A",
	row("four_way", INITIATOR, conn_state=ANY))
def simultaneous_open(stage):
	"""Both ends connect to each other at the same time: the SYNs cross."""
	at_a = stage.client()
	at_b = stage.socket(stage.b, SERVER, SERVER_PORT)
	other = threading.Thread(target=lambda: at_b.connect((CLIENT, CLIENT_PORT)))
	other.start()
	at_a.connect((SERVER, SERVER_PORT))
	other.join(PATIENCE)
	stage.quiet()
	stage.exchange(at_a, at_b)
	close_four_way(stage, at_a, at_b)


@scenario(r">S <SA >100A? .*<F >A >100S <SA .*>F <A <F >A",
	row("four_way", INITIATOR, bytes_initiator=100),
	row("four_way", INITIATOR, bytes_initiator=100, initiator_port=40002, fin_payload_initiator=0),
	sysctls={"tcp_fastopen": 3})
def fast_open(stage):
	"""TCP Fast Open: the first connection gets the cookie, the second has 100 bytes in its SYN."""
	stage.listen().setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
	for port in (40001, 40002):
		at_a = stage.client(port)
		at_a.settimeout(None)
		at_a.sendto(b"q" * 100, MSG_FASTOPEN, (SERVER, SERVER_PORT))
		at_b, _ = stage.listen().accept()
		stage.sockets.append(at_b)
		read(at_b, 100)
		stage.quiet()
		at_b.sendall(b"r" * 7)
		read(at_a, 7)
		stage.quiet()
		close_four_way(stage, at_a, at_b)


@scenario(">5 <A <7 >A >F <A <F >A", row("four_way", INITIATOR, midstream=1))
def midstream(stage):
	"""The capture starts after the handshake."""
	stage.relay.rule(lambda from_a, segment: UNSEEN)
	at_a, at_b = stage.connect()
	stage.relay.rules.clear()
	stage.exchange(at_a, at_b)
	close_four_way(stage, at_a, at_b)


@scenario("<F >A", row("half_closed", RESPONDER, midstream=1, bytes_initiator=0,
	bytes_responder=0, conn_state="SHR"))
def midstream_last_fin(stage):
	"""The capture starts so late that it holds the second FIN and its ACK only:
	the first FIN is unknown to it."""
	stage.relay.rule(lambda from_a, segment: UNSEEN)
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	stage.relay.rules.clear()
	at_b.close()
	stage.quiet()


V6 = {"initiator_ip": CLIENT_V6, "responder_ip": SERVER_V6}


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR, **V6), v6=True)
def four_way_v6(stage):
	"""A four-way close over IPv6."""
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " <F >F <A", row("three_segment", RESPONDER, **V6), v6=True)
def three_segment_v6(stage):
	"""A three-segment close by the server over IPv6."""
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_b, at_a)


@scenario(">S <RA", row("refused", RESPONDER, responder_port=8001, **V6), v6=True)
def refused_v6(stage):
	"""Refused over IPv6."""
	stage.try_to_connect(to=8001)
	stage.quiet()


@scenario(TALK + " >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="application_abort", **V6), v6=True)
def rst_linger_v6(stage):
	"""The client closes with SO_LINGER 0 over IPv6."""
	at_a, _ = stage.talk()
	abort(at_a)
	stage.quiet()


def shift(stage, by_a, first):
	"""From the next SYN of that side on, its sequence numbers start at `first` on the far side of
	the relay; the tap sees the shifted ones, each kernel its own."""
	by = []

	def moved(from_a, segment):
		if from_a == by_a:
			if segment.has(SYN) and not by:
				by.append(first - segment.seq)
			return Fate(sent=lambda s: s.changed(seq=s.seq + by[0])) if by else None
		if not by or not segment.has(ACK):
			return None
		return Fate(sent=lambda s: s.changed(ack=s.ack - by[0]),
			shown=lambda s: s.changed(ack=s.ack + by[0]))

	stage.relay.rule(moved)


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR, fin_seq_initiator=3),
	sysctls={"tcp_sack": 0})
def wrap_in_data(stage):
	"""The client's sequence numbers wrap within its five bytes of data."""
	shift(stage, BY_A, -3)
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR, fin_seq_initiator=2**32 - 1),
	sysctls={"tcp_sack": 0})
def wrap_behind_fin(stage):
	"""The client's FIN has the last sequence number there is; its ACK is 0."""
	shift(stage, BY_A, -7)
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " <F >F <A", row("three_segment", RESPONDER, fin_seq_responder=0),
	sysctls={"tcp_sack": 0})
def wrap_at_fin(stage):
	"""The server's FIN has sequence number 0."""
	shift(stage, BY_B, -8)
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_b, at_a)


@scenario(TALK + " >RA", row("rst_abort", INITIATOR, rst_stage="established",
	rst_cause="application_abort"), sysctls={"tcp_sack": 0})
def wrap_before_rst(stage):
	"""The client's numbers wrap within its data, then it closes with SO_LINGER 0."""
	shift(stage, BY_A, -2)
	at_a, _ = stage.talk()
	abort(at_a)
	stage.quiet()
