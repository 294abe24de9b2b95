"""The wire between two TAP devices, with a tap on it: forwards, delays, loses, changes and adds
frames, and keeps what the tap sees, with the capture clock's time.

	A --- before the tap --- tap --- behind the tap --- B      (tap="A": close to A)

A frame passes the tap at once when it comes from the tap's side, and one delay after it was sent
when it comes from the other. What becomes of a frame is its Fate, decided once, when it is sent.
"""
import contextlib
import heapq
import itertools
import os
import select
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional

import frames

CLOCK_START_NS = 1767603600 * 10**9  # each capture starts on 2026-01-05 at 09:00:00 UTC


@dataclass(frozen=True)
class Fate:
	"""seen: captured; arrives: delivered; held: seconds of extra delay behind the tap;
	shown: what the tap sees instead (a Segment to a Segment); sent: what both see instead."""

	seen: bool = True
	arrives: bool = True
	held: float = 0.0
	shown: Optional[Callable] = None
	sent: Optional[Callable] = None


PASSES = Fate()
LOST = Fate(arrives=False)  # behind the tap
LOST_UNSEEN = Fate(seen=False, arrives=False)  # before the tap
UNSEEN = Fate(seen=False)  # the capture misses it


class Relay(threading.Thread):
	"""rules are functions (from_a, Segment) -> Fate or None; the first that answers decides.
	tapped makes of one frame at the tap the list of (delay in ns, frame) that is captured."""

	def __init__(self, tap_a, tap_b, near="A", delay=0.010, tapped=None):
		super().__init__(daemon=True)
		self.taps = {True: tap_a, False: tap_b}
		self.near_is_a = near == "A"
		self.delay = delay
		self.tapped = tapped or (lambda frame: [(0, frame)])
		self.rules = []
		self.captured = []  # (time in ns, frame)
		self.segments = []  # (from_a, Segment) as the tap saw them, captured copies left out
		self.segments_ns = []  # their times
		self.moved_ns = 0
		self.started_ns = time.monotonic_ns()
		self.active = time.monotonic()
		self.due = []  # heap of (monotonic time, order, function)
		self.order = itertools.count()
		self.lock = threading.Lock()
		self.wake = os.pipe()
		self.stopping = False
		self.failure = None

	# For the scenarios, from their own thread.

	def rule(self, decide, times=None, skip=0):
		"""Adds a rule; it answers at most `times` times, after its first `skip` matches."""
		left = [skip, times]

		def counted(from_a, segment):
			if left[1] == 0:
				return None
			fate = decide(from_a, segment)
			if fate is None:
				return None
			if left[0] > 0:
				left[0] -= 1
				return None
			if left[1] is not None:
				left[1] -= 1
			return fate

		self.rules.insert(0, counted)

	def move_clock(self, seconds):
		self.moved_ns += int(seconds * 10**9)

	def put(self, from_a, segment, seen=True, arrives=True, after=0.0):
		"""Adds a segment of the relay's own, as if from_a had sent it; no rule applies."""
		self.at(time.monotonic() + after,
			lambda: self.send(from_a, segment.frame(), segment, Fate(seen, arrives)))

	def quiet(self, seconds=0.15, limit=5.0):
		"""Waits until nothing has moved for so long; what put() has for later does not count."""
		called = time.monotonic()
		end = called + limit
		while time.monotonic() < end:
			with self.lock:
				near = self.due and self.due[0][0] < time.monotonic() + 2 * self.delay
				rest = 0.01 if near else max(called, self.active) + seconds - time.monotonic()
			if rest <= 0:
				return
			time.sleep(rest)

	def stop(self):
		self.stopping = True
		os.write(self.wake[1], b".")
		self.join(5)
		for fd in self.wake:
			with contextlib.suppress(OSError):
				os.close(fd)
		if self.failure:
			raise self.failure

	# The thread of the wire.

	def now_ns(self):
		return CLOCK_START_NS + time.monotonic_ns() - self.started_ns + self.moved_ns

	def at(self, when, what):
		with self.lock:
			heapq.heappush(self.due, (when, next(self.order), what))
		os.write(self.wake[1], b".")

	def run(self):
		try:
			while not self.stopping:
				self.turn()
		except Exception as failure:
			self.failure = failure

	def turn(self):
		with self.lock:
			wait = self.due[0][0] - time.monotonic() if self.due else 1.0
		ready, _, _ = select.select([self.wake[0], *self.taps.values()], [], [], max(0.0, wait))
		if self.wake[0] in ready:
			os.read(self.wake[0], 4096)
		for from_a, tap in self.taps.items():
			if tap in ready:
				self.receive(from_a, os.read(tap, 65536))
		while True:
			with self.lock:
				if not self.due or self.due[0][0] > time.monotonic():
					return
				what = heapq.heappop(self.due)[2]
			what()

	def receive(self, from_a, frame):
		if frame[0] & 1:  # neighbours are known and routers not wanted: multicast is noise
			return
		segment = frames.parse(frame)
		fate = PASSES
		if segment:
			answers = (rule(from_a, segment) for rule in list(self.rules))
			fate = next((f for f in answers if f is not None), PASSES)
		self.send(from_a, frame, segment, fate)

	def send(self, from_a, frame, segment, fate):
		if fate.sent:
			segment = fate.sent(segment)
			frame = segment.frame()
		self.active = now = time.monotonic()
		if from_a == self.near_is_a:
			self.pass_tap(from_a, frame, segment, fate)
			self.at(now + self.delay + fate.held, lambda: self.deliver(from_a, frame, fate))
		else:
			self.at(now + self.delay, lambda: self.pass_tap(from_a, frame, segment, fate))
			self.at(now + self.delay + fate.held, lambda: self.deliver(from_a, frame, fate))

	def pass_tap(self, from_a, frame, segment, fate):
		self.active = time.monotonic()
		if not fate.seen:
			return
		if fate.shown:
			segment = fate.shown(segment)
			frame = segment.frame()
		now = self.now_ns()
		if segment:
			self.segments.append((from_a, segment))
			self.segments_ns.append(now)
		self.captured += [(now + delay, shown) for delay, shown in self.tapped(frame)]

	def deliver(self, from_a, frame, fate):
		self.active = time.monotonic()
		if fate.arrives:
			os.write(self.taps[not from_a], frame)
