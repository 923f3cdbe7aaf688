"""What a decision costs, and how fast a file of events becomes decisions."""

import io
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from rules.agreement import Agreement
from rules.events import Event
from rules.lead import decide as lead_rules
from rules.lead.rulebook import rulebook
from rules.lead.state import Lead
from rules.loading import load_agreement
from streams.codec import encode, encode_event
from streams.engine import Engine
from streams.feed import Feed
from streams.jsonl import read_lines
from streams.refusals import DeadLetter
from streams.replaying import accept, replay
from tests.bench.figures import Benchmark, Reading

START_AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TOUCHES = 2_000
FEED_LEADS = 400
FEED_DAYS = 60
ROUNDS = 5
BROWSED = 50
BROWSING = {
    "email.delivered": 30,
    "email.opened": 22,
    "page.viewed": 26,
    "session.started": 8,
    "ad.seen": 8,
    "email.clicked": 4,
    "video.watched": 2,
}


def _acme() -> Agreement:
    loaded = load_agreement((files("rules") / "agreements" / "acme.yaml").read_bytes(), "acme.yaml")
    assert loaded.agreement is not None
    return loaded.agreement


def _touch(kind: str, number: int) -> Event:
    at = START_AT + timedelta(minutes=10 * number)
    data = {"asset": f"/page-{number % 40}", "campaign": "spring", "channel": "web"}
    return Event(f"e{number}", "/web", kind, "lead-1", at, data)


def _known_lead(agreement: Agreement) -> Lead:
    """A lead with a profile, an owner, a running clock and some history."""
    engine = Engine(agreement)
    profile = {"email": "a@b.example", "industry": "logistics", "employees": 120, "country": "IT"}
    engine.take(
        Event("p", "/crm", "lead.captured", "lead-1", START_AT - timedelta(days=2), profile),
        START_AT - timedelta(days=2),
    )
    for number, kind in enumerate(
        ["page.viewed"] * 9 + ["webinar.attended", "ebook.downloaded", "email.clicked"] * 3
    ):
        touch = _touch(kind, number - 200)
        engine.take(touch, touch.time_at)
    return engine.leads["lead-1"]


def _per_touch_us(kind: str) -> float:
    """Microseconds of `decide` per touch of `kind`, states in memory, the median of some rounds."""
    agreement = _acme()
    book, known = rulebook(agreement), _known_lead(agreement)
    touches = [_touch(kind, number) for number in range(TOUCHES)]
    taken: list[float] = []
    for _ in range(ROUNDS):
        lead = known
        started = time.perf_counter()
        for touch in touches:
            lead = lead_rules.decide(book, lead, touch, touch.time_at).lead
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) / TOUCHES * 1e6


def decide_touch() -> Reading:
    """A touch that rules mention (points with a cap and a half-life, temperature, stages)."""
    return Reading(_per_touch_us("page.viewed"))


def decide_ignored() -> Reading:
    """A touch that no rule mentions."""
    return Reading(_per_touch_us("video.watched"))


def story(agreement: Agreement, leads: int) -> list[Event]:
    """The seeded feed, its people reacting to the engine's decisions: nearly all of it decides."""
    engine = Engine(agreement)
    feed = Feed(agreement, seed=7, leads=leads, start_at=START_AT, days=FEED_DAYS)
    events: list[Event] = []
    while (event := feed.next_event()) is not None:
        assert event.received_at is not None
        events.append(event)
        for decision in engine.take(event, event.received_at):
            feed.saw(decision, event.received_at)
    return events


def with_browsing(events: list[Event]) -> list[Event]:
    """The story amid what a marketing system reports between its chapters.

    Per lead `BROWSED` touches at random moments, in the shares of `BROWSING`:
    most are deliveries and openings that the agreement does not mention.
    """
    draw = random.Random(11)
    leads = sorted({each.subject for each in events if each.subject.startswith("lead-")})
    kinds, shares = list(BROWSING), list(BROWSING.values())
    seconds = FEED_DAYS * 86_400
    extra: list[Event] = []
    for lead in leads:
        for number, kind in enumerate(draw.choices(kinds, shares, k=BROWSED)):
            at = START_AT + timedelta(seconds=draw.randrange(seconds))
            data = {
                "asset": f"/{kind}/{draw.randrange(60)}",
                "campaign": "spring",
                "channel": "web",
            }
            extra.append(Event(f"b{number}", "/web", kind, lead, at, data, at))
    return sorted((*events, *extra), key=lambda each: each.received_at or each.time_at)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _replayed(events: list[Event], agreement: Agreement) -> Reading:
    """Events a second from bytes to encoded decisions; the floor reads and validates the same."""
    raw = b"\n".join(encode_event(event) for event in events)

    def validated() -> None:
        for number, line in read_lines(io.BytesIO(raw)):
            assert not isinstance(accept(agreement, line, number), DeadLetter)

    def replayed() -> None:
        out = io.BytesIO()
        engine = Engine(agreement)
        for each in replay(engine, read_lines(io.BytesIO(raw))):
            assert not isinstance(each, DeadLetter)
            for decision in each.decisions:
                out.write(encode(decision, agreement.source) + b"\n")

    pairs = [(_seconds(replayed), _seconds(validated)) for _ in range(ROUNDS)]
    value, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Reading(len(events) / value, len(events) / floor)


def replay_rate() -> Reading:
    """Two months of activity as a marketing system reports it."""
    agreement = _acme()
    return _replayed(with_browsing(story(agreement, FEED_LEADS)), agreement)


def replay_story_rate() -> Reading:
    """The same without the browsing: every event but a few changes something."""
    agreement = _acme()
    return _replayed(story(agreement, FEED_LEADS), agreement)


BENCHMARKS = (
    Benchmark("decide_touch_us", "µs", "lower", 20.0, "value", decide_touch),
    Benchmark("decide_ignored_us", "µs", "lower", 3.0, "value", decide_ignored),
    Benchmark("replay_events_per_s", "events/s", "higher", 0.3, "ratio", replay_rate),
    Benchmark("replay_story_events_per_s", "events/s", "higher", 0.07, "ratio", replay_story_rate),
)
