"""What a decision costs, and how fast a file of events becomes decisions."""

import io
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


def feed_lines(agreement: Agreement, leads: int) -> list[bytes]:
    """The seeded feed as lines of a file, its people reacting to the engine's decisions."""
    engine = Engine(agreement)
    feed = Feed(agreement, seed=7, leads=leads, start_at=START_AT, days=FEED_DAYS)
    lines: list[bytes] = []
    while (event := feed.next_event()) is not None:
        assert event.received_at is not None
        lines.append(encode_event(event))
        for decision in engine.take(event, event.received_at):
            feed.saw(decision, event.received_at)
    return lines


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def replay_rate() -> Reading:
    """Events a second from bytes to encoded decisions; the floor reads and validates the same."""
    agreement = _acme()
    lines = feed_lines(agreement, FEED_LEADS)
    raw = b"\n".join(lines)

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
    return Reading(len(lines) / value, len(lines) / floor)


BENCHMARKS = (
    Benchmark("decide_touch_us", "µs", "lower", 20.0, "value", decide_touch),
    Benchmark("decide_ignored_us", "µs", "lower", 3.0, "value", decide_ignored),
    Benchmark("replay_events_per_s", "events/s", "higher", 0.3, "ratio", replay_rate),
)
