"""The larger sample: half an hour of a small office's traffic, with a few things that go wrong.

Each connection's end is chosen here, so its row is known; the capture clock is moved between them.
"""
import contextlib
import random
import re

from expect import ANY, INITIATOR, RESPONDER, row
from relay import LOST
from scenarios import Register
from stage import *

scenario = Register()
PEOPLE = ["192.168.10.%d" % n for n in range(21, 27)]
WEB, REPORTS, MAIL, GONE = "192.168.20.80", "192.168.20.81", "192.168.20.25", "192.168.20.99"
PAGES = ("/", "/news", "/canteen", "/rooms?day=monday", "/phonebook", "/forms/travel", "/style.css")
BREATH = 0.065  # longer than a round trip and a delayed ACK
ENDINGS = {  # what the tap must have seen of a connection that is to count as this
	"three_segment": r".*([<>])F (?!\1).F \1A",
	"four_way": r".*([<>])F( \1F)* (?!\1).A (?!\1).F \1A",
	"simultaneous": r".*(>F <F|<F >F) (>A <A|<A >A)", "half_closed": r".* >F <A",
	"rst_abort": r".*\d( [<>]A)+ .RA", "rst_after_fin": r".* >F <A <400 >R", "refused": ">S <RA",
	"unanswered": ">S", "open": r">S <SA >A [^FRS]*",
}
WORDS = "agenda budget coffee draft printer report room travel window yearly".split()


class Office:
	"""Makes the connections one after the other and keeps what their rows must be."""

	def __init__(self, stage):
		self.stage = stage
		self.random = random.Random(2026)
		self.port = 49200
		self.rows = []
		self.attempts = []  # (time in ns, columns) of unanswered ones
		self.told = 0  # segments that belong to the rows so far
		stage.a.ip("route add 192.168.20.0/24 dev wire")
		stage.b.ip("route add 192.168.10.0/24 dev wire")

	def rest(self):
		self.stage.quiet(BREATH)

	def someone(self):
		self.port += self.random.randint(1, 9)
		return self.random.choice(PEOPLE), self.port

	def expect(self, who, server, port, teardown, closer="none", sent=(0, 0), **columns):
		made = row(teardown, closer, **{"initiator_ip": who[0], "initiator_port": who[1],
			"responder_ip": server, "responder_port": port, "bytes_initiator": sent[0],
			"bytes_responder": sent[1], "time_wait_check": ANY, **columns})
		self.rows.append(made)
		self.check(teardown, sent)

	def check(self, teardown, sent):
		"""Raises where the kernels did something else, so that the sample is made again."""
		segments = self.stage.relay.segments[self.told :]
		self.told += len(segments)
		shape = " ".join("<>"[from_a] + s.token() for from_a, s in segments)
		seen = tuple(sum(len(s.payload) for from_a, s in segments if from_a == a)
			for a in (BY_A, BY_B))
		if not re.fullmatch(ENDINGS[teardown], shape) or seen != sent:
			raise RuntimeError("%s: captured %s" % (teardown, shape))

	def connect(self, who, server, port):
		listener = self.stage.listen(port, server)
		at_a = self.stage.client(who[1], who[0])
		at_a.connect((server, port))
		at_b, _ = listener.accept()
		at_b.settimeout(PATIENCE)
		self.stage.sockets.append(at_b)
		self.rest()
		return at_a, at_b

	def say(self, sender, reader, data):
		sender.sendall(data)
		read(reader, len(data))
		self.rest()

	def request(self, at_a, at_b, status="200 OK", close=False):
		"""One request and its answer; the bytes each way."""
		path = self.random.choice(PAGES)
		ask = ("GET %s HTTP/1.1\r\nHost: intranet.example\r\nUser-Agent: office/1.0\r\n"
			"Accept: */*\r\n\r\n" % path).encode()
		body = " ".join(self.random.choice(WORDS) for _ in range(self.random.randint(30, 300)))
		answer = ("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s" % (
			status, len(body), "Connection: close\r\n" if close else "", body)).encode()
		self.say(at_a, at_b, ask)
		self.say(at_b, at_a, answer)
		return len(ask), len(answer)

	def browse(self, who, server, port, times=1, **request):
		at_a, at_b = self.connect(who, server, port)
		sizes = [self.request(at_a, at_b, **request) for _ in range(times)]
		return at_a, at_b, tuple(map(sum, zip(*sizes)))

	# One method a kind of connection.

	def page(self, server=WEB, port=80, who=None, times=None):
		"""The client closes when it is done, the server follows at once or a little later."""
		who = who or self.someone()
		at_a, at_b, sent = self.browse(who, server, port, times or self.random.randint(1, 3))
		slow = self.random.random() < 0.3
		at_a.close()
		read_to_end(at_b)
		if slow:
			self.rest()
		at_b.close()
		self.rest()
		self.expect(who, server, port, "four_way" if slow else "three_segment", INITIATOR, sent)

	def one_shot(self, status="200 OK", who=None, **columns):
		"""The server closes after its answer, as it said it would."""
		who = who or self.someone()
		at_a, at_b, sent = self.browse(who, WEB, 80, status=status, close=True)
		at_b.close()
		read_to_end(at_a)
		at_a.close()
		self.rest()
		self.expect(who, WEB, 80, "three_segment", RESPONDER, sent, **columns)
		return who

	def reused_port(self):
		"""The client comes again from a port whose TIME_WAIT the server still holds."""
		who = self.one_shot(time_wait_check="reused_ok", reuse_by="peer", reuse_delay_ns=ANY,
			reuse_rule="timestamp_newer", reuse_answer="syn_ack")
		self.page(who=who, times=1)

	def stuck(self):
		"""The report server reads the client's FIN and never closes: CLOSE_WAIT to the end."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, REPORTS, 8080)
		finish(at_a)
		read_to_end(at_b)
		self.rest()
		self.expect(who, REPORTS, 8080, "half_closed", INITIATOR, sent,
			findings=["close-wait-stuck"])

	def stuck_then_closed(self):
		"""It closes after 95 s."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, REPORTS, 8080)
		finish(at_a)
		read_to_end(at_b)
		self.rest()
		self.stage.relay.move_clock(95)
		at_b.close()
		self.rest()
		self.expect(who, REPORTS, 8080, "four_way", INITIATOR, sent,
			findings=["close-wait-stuck", "fin-wait-2-stuck"])

	def aborted(self, by_client):
		"""One end closes with SO_LINGER 0."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, WEB, 80)
		abort(at_a if by_client else at_b)
		self.rest()
		self.expect(who, WEB, 80, "rst_abort", INITIATOR if by_client else RESPONDER, sent,
			rst_stage="established", rst_cause="application_abort")

	def given_up(self):
		"""After 75 s of silence the report server resets."""
		who = self.someone()
		_, at_b, sent = self.browse(who, REPORTS, 8080)
		self.stage.relay.move_clock(75)
		abort(at_b)
		self.rest()
		self.expect(who, REPORTS, 8080, "rst_abort", RESPONDER, sent, rst_stage="established",
			rst_cause="idle_timeout")

	def left_early(self):
		"""The client closes while the server is about to send more."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, WEB, 80)
		at_a.close()
		read_to_end(at_b)
		self.rest()
		at_b.sendall(b"and one more thing\r\n" * 20)
		self.rest()
		self.expect(who, WEB, 80, "rst_after_fin", INITIATOR, (sent[0], sent[1] + 400),
			rst_stage="fin_wait_2", rst_cause="data_after_close", half_close_bytes=400,
			conn_state=ANY)

	def refused(self):
		"""Nothing listens on the port."""
		who = self.someone()
		with contextlib.suppress(OSError):
			self.stage.client(who[1], who[0]).connect((WEB, 8443))
		self.rest()
		self.expect(who, WEB, 8443, "refused", RESPONDER)

	def unanswered(self):
		"""The server was switched off."""
		who = self.someone()
		made = self.stage.client(who[1], who[0])
		made.settimeout(0.1)
		with contextlib.suppress(OSError):
			made.connect((GONE, 445))
		made.close()
		self.rest()
		self.expect(who, GONE, 445, "unanswered")
		self.attempts.append((self.stage.relay.now_ns(), self.rows[-1]["columns"]))

	def forget_attempts(self):
		"""An attempt that stays without answer is given up after 2MSL of silence."""
		for time_ns, columns in self.attempts:
			if self.stage.relay.now_ns() - time_ns > 240 * 10**9:
				columns["end_reason"] = "idle_timeout"

	def lossy(self):
		"""The client's FIN is lost once."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, WEB, 80)
		self.stage.relay.rule(when(sent_by(BY_A, FIN), LOST), times=1)
		at_a.close()
		read_to_end(at_b)
		self.rest()
		at_b.close()
		self.rest()
		self.expect(who, WEB, 80, "four_way", INITIATOR, sent, fin_retransmissions_initiator=1)

	def crossed(self):
		"""Both ends close at once."""
		who = self.someone()
		at_a, at_b, sent = self.browse(who, WEB, 80)
		at_a.close()
		at_b.close()
		self.rest()
		self.expect(who, WEB, 80, "simultaneous", "both", sent)

	def mail(self, open_end=False):
		"""A mail client says hello and good bye, or stays."""
		who = self.someone()
		at_a, at_b = self.connect(who, MAIL, 143)
		talk = [(0, b"* OK mail.example ready\r\n"), (1, b"a1 LOGIN guest guest\r\n"),
			(0, b"a1 OK welcome\r\n")]
		if not open_end:
			talk += [(1, b"a2 LOGOUT\r\n"), (0, b"* BYE\r\na2 OK see you\r\n")]
		for by_client, line in talk:
			self.say(*((at_a, at_b) if by_client else (at_b, at_a)), line)
		sent = tuple(sum(len(line) for by, line in talk if by == side) for side in (1, 0))
		if open_end:
			self.expect(who, MAIL, 143, "open", sent=sent)
			return
		at_b.close()
		read_to_end(at_a)
		at_a.close()
		self.rest()
		self.expect(who, MAIL, 143, "three_segment", RESPONDER, sent)


@scenario(".*", limit=90, clients=PEOPLE, servers=[WEB, REPORTS, MAIL, GONE])
def sample(stage):
	"""Half an hour of a small office: web and mail, a report server that forgets to close, resets,
	refusals, a switched-off server, ports that come again within TIME_WAIT."""
	office = Office(stage)
	stage.relay.rule(lambda from_a, s: LOST if str(s.dst) == GONE else None)
	day = [office.page] * 34 + [office.one_shot] * 12 + [office.mail] * 6 + [office.stuck] * 4
	day += [office.stuck_then_closed] * 2 + [lambda: office.aborted(True)] * 3
	day += [lambda: office.aborted(False)] * 3 + [office.given_up] * 2 + [office.left_early] * 2
	day += [office.refused] * 4 + [office.unanswered] * 2 + [office.lossy] * 2
	day += [office.crossed] * 2 + [office.reused_port] * 3
	day += [lambda: office.mail(open_end=True)] * 2
	day += [lambda: office.one_shot("404 Not Found")] * 2
	office.random.shuffle(day)
	for one in day:
		one()
		stage.relay.move_clock(office.random.uniform(2, 35))
	stage.relay.move_clock(120)
	office.page()
	office.forget_attempts()
	return {"rows": office.rows}
