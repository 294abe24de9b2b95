"""The list of all scenarios, and what one is made of."""
import re
from dataclasses import dataclass, field
from typing import Callable

from container import KINDS

HELLO = ">S <SA >A"
TALK = HELLO + " >5 <A <7 >A"


@dataclass
class Scenario:
	"""name: of the capture; why: what was done, for people; shape: a regular expression over what
	the tap saw, so that a capture is only kept when the kernels did what was meant; rows: expected,
	in order of time; count: let the relay's own counts join the expectation of the single row."""

	name: str
	why: str
	play: Callable
	shape: str
	rows: list
	kind: str = "pcap"  # of file, a key of container.KINDS
	options: tuple = ()
	exit_code: int = 0
	count: bool = True
	again: tuple = ()  # (options, rows): further runs over the same capture
	limit: int = 20  # seconds it may take
	stage: dict = field(default_factory=dict)

	@property
	def file(self):
		return self.name + "." + KINDS[self.kind][0]

	def fits(self, shape):
		return re.fullmatch(self.shape, shape) is not None


class Register:
	"""Collects the scenarios of one module: a decorator."""

	def __init__(self):
		self.all = []

	def __call__(self, shape, *rows, kind="pcap", options=(), exit_code=0, count=True, again=(),
			limit=20, name=None, why=None, **stage):
		def register(play):
			words = " ".join((why or play.__doc__).split())
			self.all.append(Scenario(name or play.__name__, words, play, shape, list(rows), kind,
				tuple(options), exit_code, count, tuple(again), limit, stage))
			return play

		return register


def every_scenario():
	import scenarios_capture
	import scenarios_closing
	import scenarios_incarnations
	import scenarios_resets
	import sample

	modules = (scenarios_closing, scenarios_resets, scenarios_incarnations, scenarios_capture,
		sample)
	return [one for module in modules for one in module.scenario.all]
