"""What only the capture shows: other places of the tap, containers, and closes no stack makes."""
from expect import ANY, INITIATOR, row
from frames import (in_geneve, in_gre, in_gre_bridge, in_ip, in_vxlan, parse, tagged)
from relay import LOST, Fate
from scenarios import TALK, Register
from stage import *

scenario = Register()
FOUR_WAY = TALK + " >F <A <F >A"
MAC = bytes.fromhex(MAC_A.replace(":", ""))
DOT1Q, DOT1AD = 0x8100, 0x88A8


def sent_by_a(frame):
	return frame[6:12] == MAC


def ordinary(stage):
	at_a, at_b = stage.talk()
	close_four_way(stage, at_a, at_b)


def seen_through(name, why, wrap, expected, **stage):
	"""An ordinary four-way close whose frames the tap sees wrapped."""
	scenario(FOUR_WAY, expected, name=name, why=why,
		tapped=lambda frame: [(0, wrap(frame))], **stage)(ordinary)


seen_through("vlan", "A four-way close in VLAN 10.", lambda f: tagged(f, (DOT1Q, 10)),
	row("four_way", INITIATOR, vlan=10))
seen_through("vlan_per_direction", "The client's frames are in VLAN 10, the server's in VLAN 20.",
	lambda f: tagged(f, (DOT1Q, 10 if sent_by_a(f) else 20)), row("four_way", INITIATOR, vlan=10))
seen_through("vlan_priority_only", "Frames with a tag of VLAN id 0: priority only, no VLAN.",
	lambda f: tagged(f, (DOT1Q, 0xA000)), row("four_way", INITIATOR, vlan=None))
seen_through("qinq", "Two tags: 802.1ad VLAN 100 around 802.1Q VLAN 20.",
	lambda f: tagged(f, (DOT1AD, 100), (DOT1Q, 20)), row("four_way", INITIATOR, vlan=100))
for name, why, wrap, text, stage in (
		("gre", "Inside GRE with key 77.", lambda f: in_gre(f, 77), "(?i)gre.*77", {}),
		("gre_bridge", "Inside GRE that carries Ethernet frames.", in_gre_bridge, "(?i)gre", {}),
		("vxlan", "Inside VXLAN, VNI 4242.", lambda f: in_vxlan(f, 4242), "(?i)vxlan.*4242", {}),
		("geneve", "Inside GENEVE, VNI 99, with an option.", lambda f: in_geneve(f, 99),
			"(?i)geneve.*99", {}),
		("ipip", "Inside IPv4 in IPv4.", in_ip, "(?i)ip", {}),
		("6in4", "IPv6 inside IPv4 (6in4).", in_ip, "(?i)6in4", {"v6": True}),
		("vxlan_in_gre", "Inside VXLAN, VNI 7, inside GRE with key 5: a chain of tunnels.",
			lambda f: in_gre(in_vxlan(f, 7), 5), "(?i)gre.*vxlan", {})):
	v6 = {"initiator_ip": CLIENT_V6, "responder_ip": SERVER_V6} if stage else {}
	seen_through("tunnel_" + name, why, wrap,
		row("four_way", INITIATOR, matches={"tunnel": text}, **v6), **stage)


def routed(frame):
	"""The frame as a router sends it on: one hop fewer."""
	segment = parse(frame)
	return segment.changed(ttl=segment.ttl - 1).frame()


@scenario(FOUR_WAY, row("four_way", INITIATOR, duplicates=11, packets_initiator=6,
	packets_responder=5),
	again=[(("--keep-duplicates",), [row("four_way", INITIATOR, duplicates=0, packets_initiator=12,
		packets_responder=10, retransmitted_initiator=1, retransmitted_responder=1,
		fin_retransmissions_initiator=1, fin_retransmissions_responder=1, time_wait_restarts=ANY,
		fin_check_initiator=ANY, fin_check_responder=ANY, conn_state=ANY)])],
	tapped=lambda frame: [(0, frame), (300000, routed(frame))])
def capture_duplicates(stage):
	"""The mirror port delivers every packet twice, before and behind a router."""
	ordinary(stage)


@scenario(FOUR_WAY, row("four_way", INITIATOR, vlan=10, packets_initiator=6),
	row("four_way", INITIATOR, vlan=20, packets_initiator=6),
	tapped=lambda frame: [(0, tagged(frame, (DOT1Q, 10))), (4000000, tagged(frame, (DOT1Q, 20)))])
def vlan_twins(stage):
	"""The tap sees the connection in VLAN 10 and, 4 ms later, behind a slow bridge in VLAN 20: two
	connections of one tuple."""
	ordinary(stage)


for kind, why in (
		("nanoseconds", "An ordinary four-way close in a pcap file with nanoseconds."),
		("pcapng", "The same as pcapng: big-endian, two interfaces of different resolution."),
		("gzip", "The same compressed with gzip."),
		("zstd", "The same compressed with Zstandard.")):
	scenario(FOUR_WAY, row("four_way", INITIATOR), kind=kind, why=why,
		name="container_" + kind)(ordinary)
scenario(FOUR_WAY, row("four_way", INITIATOR, complete=0, end_reason="capture_end",
	fin_check_responder="unverified", time_wait_holder="none", time_wait_check="not_applicable",
	findings=["last-ack-missing"]), kind="cut", exit_code=3, count=False, name="container_cut",
	why="The file stops in the middle of its last record: what came before counts, exit code 3."
)(ordinary)


# Closes that no real stack makes: shown to the capture only, the kernels close as ever.


def violated(side=INITIATOR, finding=None, **columns):
	return row("four_way", INITIATOR, findings=[finding],
		**{"fin_check_" + side: "violated", **columns})


@scenario(TALK + " >F <A >F <A >F <A.*", row("fin_unanswered", INITIATOR,
	fin_check_initiator="violated", findings=["fin-not-consumed"]))
def bad_fin_not_consumed(stage):
	"""Each FIN of the client is answered by an ACK of its data only, never of the FIN itself."""
	at_a, _ = stage.talk()
	answer = stage.newest(BY_B)
	window = [s.window for side, s in stage.relay.segments if not side][-1]

	def unmoved(from_a, segment):
		if not sent_by(BY_A, FIN)(from_a, segment):
			return None
		stage.relay.put(BY_B, answer.changed(ack=segment.seq, window=window), arrives=False)
		return LOST

	stage.relay.rule(unmoved)
	at_a.close()
	stage.wait(1.3)
	stage.quiet(0.05)
	return {"fin_retransmissions_initiator": stage.shape().count(">F") - 1}


@scenario(FOUR_WAY, violated(finding="fin-over-acked"))
def bad_fin_over_acked(stage):
	"""The server acknowledges ten numbers more than the client's FIN."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_B), Fate(shown=lambda s: s.changed(ack=s.ack + 10))))
	close_four_way(stage, at_a, at_b)


@scenario(FOUR_WAY, violated(finding="fin-sender-not-advanced"))
def bad_fin_sender_not_advanced(stage):
	"""The client's last ACK still carries the number of its FIN."""
	at_a, at_b = stage.talk()
	one_low = Fate(shown=lambda s: s.changed(seq=s.seq - 1))
	stage.relay.rule(when(sent_by(BY_A, pure_ack=True), one_low))
	close_four_way(stage, at_a, at_b)


@scenario(TALK + " >F <A >20 <F >A", violated(finding="data-after-fin", bytes_initiator=ANY,
	fin_seq_initiator=ANY))
def bad_data_after_fin(stage):
	"""The client sends 20 bytes behind its FIN."""
	at_a, at_b = stage.talk()
	at_a.close()
	read_to_end(at_b)
	stage.quiet()
	more = stage.newest(BY_A).changed(payload=b"d" * 20, flags=PSH | ACK)
	stage.relay.put(BY_A, more, arrives=False)
	stage.quiet()
	at_b.close()
	stage.quiet()


@scenario(TALK + " >F >F <A <F >A", violated(finding="fin-moved"))
def bad_fin_moved(stage):
	"""The client's FIN, sent again, lies three numbers further on."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, FIN), Fate(shown=lambda s: s.changed(seq=s.seq + 3))))
	stage.relay.rule(when(sent_by(BY_A, FIN), LOST), times=1)
	close_four_way(stage, at_a, at_b)


@scenario(FOUR_WAY, violated(finding="fin-below-data", fin_seq_initiator=ANY))
def bad_fin_below_data(stage):
	"""The client's FIN lies within its data, which the server acknowledges without more."""
	at_a, at_b = stage.talk()
	stage.relay.rule(when(sent_by(BY_A, FIN), Fate(shown=lambda s: s.changed(seq=s.seq - 3))))
	stage.relay.rule(when(sent_by(BY_B), Fate(shown=lambda s: s.changed(ack=s.ack - 1))))
	close_four_way(stage, at_a, at_b)
	return {"fin_seq_initiator": next(s.seq for a, s in stage.relay.segments if a and s.has(FIN))}


@scenario(TALK + " >F >F <A <F >A", row("four_way", INITIATOR, findings=["fin-unacceptable"],
	conn_state=ANY))
def bad_fin_unacceptable(stage):
	"""A FIN far outside the server's window, then the ordinary close: the first does not count."""
	at_a, at_b = stage.talk()
	fake = stage.newest(BY_A)
	stage.relay.put(BY_A, fake.changed(flags=FIN | ACK, seq=fake.seq + 500000000), arrives=False)
	stage.quiet()
	close_four_way(stage, at_a, at_b)
