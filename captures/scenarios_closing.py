"""Orderly closes, and closes that stop half way."""
import socket

from expect import INITIATOR, RESPONDER, row
from relay import LOST, LOST_UNSEEN, PASSES, UNSEEN
from scenarios import HELLO, TALK, Register
from stage import *

scenario = Register()
SLOW_CLOSE = {"close_wait_ns": (0.15, 0.6), "fin_wait_2_ns": (0.15, 0.6)}


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR, ranges={**SLOW_CLOSE,
	"handshake_rtt_ns": (0.015, 0.2), "fin_acked_after_ns_initiator": (0.018, 0.2),
	"fin_acked_after_ns_responder": (0, 0.02)}))
def four_way(stage):
	"""The client closes; the server's program closes 0.3 s later."""
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " <F >A >F <A", row("four_way", RESPONDER, ranges=SLOW_CLOSE), tap="B")
def four_way_by_server(stage):
	"""The server closes first; captured next to the server."""
	at_a, at_b = stage.talk()
	close_four_way(stage, at_b, at_a)


@scenario(TALK + " >F <F >A", row("three_segment", INITIATOR, close_wait_ns=None,
	fin_wait_2_ns=None, ranges={"fin_wait_1_ns": (0.018, 0.1), "last_ack_ns": (0, 0.02)}))
def three_segment(stage):
	"""The server closes as soon as it reads the end: ACK and FIN share a segment."""
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_a, at_b)


@scenario(TALK + " <F >F <A", row("three_segment", RESPONDER), tap="B")
def three_segment_by_server(stage):
	"""The server closes, the client at once after it."""
	at_a, at_b = stage.talk()
	close_three_segment(stage, at_b, at_a)


@scenario(HELLO + " >F <A <F >A", row("four_way", INITIATOR, bytes_initiator=0, bytes_responder=0))
def four_way_no_data(stage):
	"""Handshake and close without a byte of payload."""
	at_a, at_b = stage.connect()
	close_four_way(stage, at_a, at_b)


def close_both(stage):
	at_a, at_b = stage.talk()
	at_a.close()
	at_b.close()
	stage.quiet()


CROSSED = TALK + " (>F <F|<F >F) (>A <A|<A >A)"


@scenario(CROSSED, row("simultaneous", "both"))
def simultaneous(stage):
	"""Both ends close within the one-way delay: the FINs cross."""
	close_both(stage)


@scenario(CROSSED, row("simultaneous", "both"), tap="B")
def simultaneous_tap_b(stage):
	"""The FINs cross, captured next to the server."""
	close_both(stage)


@scenario(TALK + r" >F <A( <\d+| >A)+ <F >A", row("four_way", INITIATOR, bytes_responder=3007,
	half_close_bytes=3000))
def half_close_client(stage):
	"""The client says it is done (shutdown), the server still sends 3000 bytes and closes."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.wait(0.15)
	at_b.sendall(b"d" * 3000)
	stage.quiet()
	at_b.close()
	stage.quiet()


@scenario(TALK + r" <F >A( >\d+| <A)+ >F <A", row("four_way", RESPONDER, bytes_initiator=2005,
	half_close_bytes=2000))
def half_close_server(stage):
	"""The server is done first (shutdown), the client still sends 2000 bytes and closes."""
	at_a, at_b = stage.talk()
	finish(at_b)
	read_to_end(at_a)
	stage.wait(0.15)
	at_a.sendall(b"d" * 2000)
	stage.quiet()
	at_a.close()
	stage.quiet()


@scenario(TALK + r" >F <300.*>A.* <F >A", row("four_way", INITIATOR, bytes_responder=307))
def fin_crosses_data(stage):
	"""The client's shutdown crosses 300 bytes of the server: they do not cover the FIN."""
	at_a, at_b = stage.talk()
	at_b.sendall(b"d" * 300)
	finish(at_a)
	read_to_end(at_b)
	stage.wait(0.3)
	at_b.close()
	stage.quiet()


@scenario(TALK + " >100F <A <F >A", row("four_way", INITIATOR, bytes_initiator=105,
	fin_payload_initiator=100))
def fin_with_data_client(stage):
	"""The client's last 100 bytes and its FIN share a segment (MSG_MORE, then close)."""
	at_a, at_b = stage.talk()
	at_a.send(b"d" * 100, socket.MSG_MORE)
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >F <200F >A", row("three_segment", INITIATOR, bytes_responder=207,
	fin_payload_responder=200, half_close_bytes=200))
def fin_with_data_server(stage):
	"""The server answers the FIN in one segment: ACK, 200 bytes and its FIN."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	at_b.send(b"d" * 200, socket.MSG_MORE)
	at_b.close()
	stage.quiet()


@scenario(TALK + " >F >F <A <F >A", row("four_way", INITIATOR, fin_retransmissions_initiator=1))
def fin_lost(stage):
	"""The client's FIN is captured and then lost; it comes again."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, FIN), LOST), times=1)
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR))
def fin_lost_before_tap(stage):
	"""The client's first FIN is lost before the tap: the capture holds the second only."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, FIN), LOST_UNSEEN), times=1)
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >F <A >F <A <F >A", row("four_way", INITIATOR, fin_retransmissions_initiator=1))
def fin_ack_lost(stage):
	"""The ACK of the client's FIN is captured and lost: the FIN comes again."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_B, pure_ack=True), LOST), times=1)
	close_four_way(stage, at_a, at_b, pause=0.9)


@scenario(TALK + " >F <A <F >A( <F >A)", row("four_way", INITIATOR, time_wait_restarts=1,
	fin_retransmissions_responder=1))
def last_ack_lost(stage):
	"""The last ACK is captured and lost: the server's FIN comes again, TIME_WAIT starts again."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.wait(0.3)
	stage.relay.rule(when(sent_by(BY_A, pure_ack=True), LOST), times=1)
	at_b.close()
	stage.quiet(0.6)


@scenario(TALK + " >F <A <F( <F)+", row("four_way", INITIATOR, complete=0, end_reason="capture_end",
	fin_check_responder="unverified", time_wait_holder="none", time_wait_check="not_applicable",
	time_wait_entry_ns=None, findings=["last-ack-missing"]))
def last_ack_never_captured(stage):
	"""All last ACKs are lost before the tap: a four-way close that stays incomplete."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.wait(0.3)
	stage.relay.rule(when(sent_by(BY_A, pure_ack=True), LOST_UNSEEN))
	at_b.close()
	stage.wait(1.2)
	return {"fin_retransmissions_responder": stage.shape().count("<F") - 1}


@scenario(TALK + r" >500 >500 <A >F <A <F >A", row("four_way", INITIATOR, bytes_initiator=505,
	retransmitted_initiator=1))
def data_lost(stage):
	"""The last data is captured and lost, and comes again before the close."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, data=True), LOST), times=1)
	at_a.sendall(b"d" * 500)
	read(at_b, 500)
	stage.quiet()
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " <A >F <A <F >A", row("four_way", INITIATOR, bytes_initiator=5,
	missing_initiator=500, fin_seq_initiator=None, findings=["fin-beyond-gap"]))
def data_never_captured(stage):
	"""The capture misses 500 bytes below the FIN that the server did get: the FIN is right."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, data=True), UNSEEN), times=1)
	at_a.sendall(b"d" * 500)
	read(at_b, 500)
	stage.quiet()
	close_four_way(stage, at_a, at_b)
	fin = next(s for from_a, s in stage.relay.segments if from_a and s.has(FIN))
	return {"fin_seq_initiator": fin.seq}


@scenario(TALK + r" >500 <A >F <A >500 <A <F >A", row("four_way", INITIATOR, bytes_initiator=505,
	retransmitted_initiator=1))
def old_data_after_fin(stage):
	"""The network delivers a copy of the last data after the FIN: old bytes, no new ones."""
	at_a, at_b = stage.talk()

	def again(from_a, segment):
		if not sent_by(BY_A, data=True)(from_a, segment):
			return None
		stage.relay.put(True, segment, after=0.6)
		return PASSES

	stage.relay.rule(again, times=1)
	at_a.sendall(b"d" * 500)
	read(at_b, 500)
	stage.quiet()
	close_four_way(stage, at_a, at_b, pause=0.9)


@scenario(TALK + " (>A <A ){2}>F <A <F >A", row("four_way", INITIATOR))
def keepalive_answered(stage):
	"""Two keep-alive probes (SEQ one below the next number) are answered, then a plain close."""
	at_a, at_b = stage.talk()
	at_a.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
	at_a.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
	at_a.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
	stage.wait(2.5)
	at_a.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
	close_four_way(stage, at_a, at_b)


@scenario(TALK + r" >F <A( <100 >A){2}", row("half_closed", INITIATOR, bytes_responder=207,
	half_close_bytes=200, ranges={"close_wait_ns": (0.3, 1.5)}))
def half_closed(stage):
	"""The client is done, the server goes on sending; then the capture ends."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	for _ in range(2):
		stage.wait(0.2)
		at_b.sendall(b"d" * 100)
		read(at_a, 100)
		stage.quiet()


@scenario(TALK + " >F( >F)+", row("fin_unanswered", INITIATOR, findings=["fin-unanswered"]))
def fin_unanswered(stage):
	"""The server vanishes before the client closes: the FIN is sent again and again."""
	at_a, _ = stage.talk()
	stage.relay.rule(when(sent_by(BY_A), LOST))
	at_a.close()
	stage.wait(1.5)
	return {"fin_retransmissions_initiator": stage.shape().count(">F") - 1}


@scenario(TALK, row("open"))
def open_at_end(stage):
	"""The capture ends while the connection is alive."""
	stage.talk()


@scenario(TALK + " >F <A <F >A", row("four_way", INITIATOR,
	findings=["close-wait-stuck", "fin-wait-2-stuck"],
	ranges={"close_wait_ns": (89.9, 91), "fin_wait_2_ns": (89.9, 91)}))
def close_wait_stuck(stage):
	"""The server's program leaves the connection in CLOSE_WAIT for 90 s (the capture clock is
	moved) before it closes."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	stage.relay.move_clock(90)
	at_b.close()
	stage.quiet()


@scenario(TALK + " >F <A( >S <RA)", row("half_closed", INITIATOR, findings=["close-wait-stuck"],
	ranges={"close_wait_ns": (299.9, 302)}), row("refused", RESPONDER, initiator_port=40002,
	responder_port=8001))
def close_wait_at_end(stage):
	"""CLOSE_WAIT never ends: 300 s later the capture shows another connection, then stops."""
	at_a, at_b = stage.talk()
	finish(at_a)
	read_to_end(at_b)
	stage.quiet()
	stage.relay.move_clock(300)
	stage.try_to_connect(port=40002, to=8001)
	stage.quiet()
