"""The activity that the benchmarks of the service are fed with, and the agreement at work.

Acme's agreement without its people's capacities: three people can't take the
leads of a million, and a queue of thousands would be all that is measured.
"""

import random
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from rules.admission import admit
from rules.agreement import Agreement
from rules.events import CAMPAIGN_EVENTS, REP_EVENTS, Event
from rules.loading import load_agreement
from streams.codec import decode, encode_event
from streams.refusals import Refusal
from streams.storage import Accepted
from tests.bench.engine import FEED_LEADS, story, with_browsing

BATCH: Final = 1_000
"""Events of one submission: the most that one request may hold."""


@cache
def agreement_text() -> bytes:
    """Acme's agreement, nobody's capacity bounded."""
    text = (files("rules") / "agreements" / "acme.yaml").read_text("utf-8")
    return re.sub(r", capacity: \d+", "", text).encode()


@cache
def agreement() -> Agreement:
    """What `agreement_text` says."""
    loaded = load_agreement(agreement_text(), "acme.yaml")
    assert loaded.agreement is not None, loaded.diagnostics
    return loaded.agreement


@cache
def mixed() -> tuple[Event, ...]:
    """Two months as a marketing and a sales system report them, in the order of receipt."""
    return tuple(with_browsing(story(agreement(), FEED_LEADS)))


def body(event: Event) -> bytes:
    """The event as a client sends it, without the log's stamp."""
    return encode_event(msgspec.structs.replace(event, received_at=None))


def validated(bodies: Sequence[bytes]) -> list[Accepted]:
    """What intake makes of the bodies; all of them must be in order."""
    taken: list[Accepted] = []
    for each in bodies:
        event = decode(each)
        assert not isinstance(event, Refusal), event.sentence
        assert admit(agreement(), event) is None
        taken.append(Accepted(event, each))
    return taken


class Drawn:
    """The same mix for leads drawn at random: endless, each event with a name of its own.

    With `hot`, 95% of the events are about the newest `hot` of the leads,
    which is where activity is: old leads are seldom heard of.
    """

    def __init__(self, leads: Sequence[str], at: datetime, *, hot: int = 0, seed: int = 5) -> None:
        self.at = at
        self._leads, self._hot = leads, hot
        self._draw = random.Random(seed)
        self._mix = [
            each for each in mixed() if each.type not in REP_EVENTS | CAMPAIGN_EVENTS
        ]  # fmt: skip
        self._made = 0
        self.mark = f"{seed}-{at.timestamp():.0f}"

    def batch(self, size: int, every_s: float = 1.0) -> list[bytes]:
        """The next `size` bodies, received `every_s` after one another."""
        bodies: list[bytes] = []
        for _ in range(size):
            self.at += timedelta(seconds=every_s)
            self._made += 1
            was = self._mix[self._made % len(self._mix)]
            lag = (was.received_at or was.time_at) - was.time_at
            name = f"{self.mark}-{self._made}"
            bodies.append(
                body(
                    Event(name, was.source, was.type, self._lead(), self.at - lag, was.data)
                )
            )  # fmt: skip
        return bodies

    def _lead(self) -> str:
        leads, draw = self._leads, self._draw
        if self._hot and draw.random() < 0.95:
            return leads[draw.randrange(len(leads) - self._hot, len(leads))]
        return leads[draw.randrange(len(leads))]
