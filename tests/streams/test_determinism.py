"""The same input gives the same bytes: again, elsewhere, and cut anywhere and resumed."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from streams.codec import encode, encode_event
from streams.engine import Engine, decode_snapshot
from streams.feed import Feed
from streams.replaying import known_at
from tests.model.agreements import ACME, AGREEMENTS
from tests.model.playing import loaded, play
from tests.model.strategies import stories

START_AT: Final = datetime(2026, 3, 2, 7, tzinfo=UTC)
LATER: Final = timedelta(days=60)
_KINDS: Final = (
    b"sla.breached", b"sla.met", b"sla.warned", b"sla.escalated",
    b"lead.assigned", b"lead.recycled", b"lead.temperature_changed",
)  # fmt: skip
Dated = tuple[Event, datetime]


@cache
def fed(leads: int = 40, days: int = 30, seed: int = 7) -> tuple[Dated, ...]:
    """A feed of the sample agreement, with everything that its people did about decisions."""
    agreement = loaded(ACME)
    feed = Feed(agreement, seed=seed, leads=leads, start_at=START_AT, days=days)
    engine = Engine(agreement)
    events: list[Dated] = []
    while (event := feed.next_event()) is not None:
        now = known_at(event)
        events.append((event, now))
        for decision in engine.take(event, now):
            feed.saw(decision, now)
    return tuple(events)


def told(agreement: Agreement, decisions: Iterable[Decision]) -> list[bytes]:
    return [encode(each, agreement.source) for each in decisions]


def taken(engine: Engine, events: Iterable[Dated]) -> list[bytes]:
    lines: list[bytes] = []
    for event, now in events:
        lines += told(engine.book.agreement, engine.take(event, now))
    return lines


def ended(engine: Engine) -> list[bytes]:
    assert engine.now is not None
    return told(engine.book.agreement, engine.run_until(engine.now + LATER))


def whole(agreement: Agreement, events: Sequence[Dated]) -> list[bytes]:
    engine = Engine(agreement)
    return [*taken(engine, events), *ended(engine)]


def resumed(engine: Engine) -> Engine:
    """Another engine that goes on from what this one writes down."""
    return Engine.resumed(engine.book.agreement, decode_snapshot(engine.snapshot().encode()))


def test_the_feed_has_something_of_everything() -> None:
    events = fed()
    lines = whole(loaded(ACME), events)
    assert len(events) > 150
    for kind in _KINDS:
        assert any(kind in line for line in lines), kind
    assert len({event.id for event, _ in events}) < len(events), "no event arrives twice"


def test_a_feed_replayed_again_gives_the_same_bytes() -> None:
    agreement, events = loaded(ACME), fed()
    assert whole(agreement, events) == whole(agreement, events)


def test_a_feed_cut_at_every_event_gives_the_same_bytes() -> None:
    agreement, events = loaded(ACME), fed(leads=12, days=14)
    expected = whole(agreement, events)
    engine, so_far = Engine(agreement), list[bytes]()
    for place, (event, now) in enumerate(events):
        so_far += told(agreement, engine.take(event, now))
        snapshot = engine.snapshot().encode()
        other = Engine.resumed(agreement, decode_snapshot(snapshot))
        assert [*so_far, *taken(other, events[place + 1 :]), *ended(other)] == expected, place


def test_an_engine_that_stops_after_every_event_gives_the_same_bytes() -> None:
    agreement, events = loaded(ACME), fed()
    engine, lines = Engine(agreement), list[bytes]()
    for each in events:
        lines += taken(engine, [each])
        engine = resumed(engine)
    assert [*lines, *ended(engine)] == whole(agreement, events)


def test_looking_at_the_clock_more_often_changes_nothing() -> None:
    agreement, events = loaded(ACME), fed()
    engine, lines = Engine(agreement), list[bytes]()
    for event, now in events:
        while engine.now is not None and engine.now + timedelta(hours=5) < now:
            lines += told(agreement, engine.run_until(engine.now + timedelta(hours=5)))
            engine = resumed(engine)
        lines += taken(engine, [(event, now)])
    assert [*lines, *ended(engine)] == whole(agreement, events)


@settings(max_examples=60)
@given(st.data())
def test_any_story_cut_anywhere_gives_the_same_bytes(data: st.DataObject) -> None:
    agreement = loaded(data.draw(st.sampled_from(AGREEMENTS)))
    start_at, moves = data.draw(stories(agreement))
    events = play(agreement, start_at, moves).events
    expected = whole(agreement, events)
    place = data.draw(st.integers(0, len(events)), label="cut before event")
    ahead = data.draw(st.sampled_from([timedelta(0), timedelta(minutes=7), timedelta(days=2)]))
    engine = Engine(agreement)
    lines = taken(engine, events[:place])
    if place < len(events) and engine.now is not None:
        stop_at = min(engine.now + ahead, events[place][1])
        lines += told(agreement, engine.run_until(stop_at))
    engine = resumed(engine)
    lines += taken(engine, events[place:])
    assert [*lines, *ended(engine)] == expected


@settings(max_examples=30)
@given(st.data())
def test_repeats_change_nothing(data: st.DataObject) -> None:
    agreement = loaded(data.draw(st.sampled_from(AGREEMENTS)))
    start_at, moves = data.draw(stories(agreement))
    events = play(agreement, start_at, moves).events
    again: list[Dated] = []
    for place, each in enumerate(events):
        again.append(each)
        repeated = data.draw(st.integers(0, place))
        again.append((events[repeated][0], each[1]))
    recent = [each for each in again if each[1] - events[0][1] < timedelta(days=35)]
    assert whole(agreement, recent) == whole(
        agreement, [each for each in events if each[1] - events[0][1] < timedelta(days=35)]
    )


@pytest.fixture(scope="module")
def feed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("feed") / "events.jsonl"
    path.write_bytes(b"".join(encode_event(event) + b"\n" for event, _ in fed()))
    return path


def replayed(acme_path: Path, file: Path, hash_seed: str, zone: str) -> bytes:
    """What `baton replay` prints in a process of its own, on a machine set up differently."""
    until = (START_AT + timedelta(days=90)).isoformat()
    command = ["replay", "--agreement", str(acme_path), "--until", until, str(file)]
    done = subprocess.run(
        [sys.executable, "-c", "from streams.cli import main; main()", *command],
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": "C"},
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout


def test_another_process_gives_the_same_bytes(acme_path: Path, feed_file: Path) -> None:
    one = replayed(acme_path, feed_file, "1", "Asia/Tokyo")
    assert one.count(b"\n") > 300
    assert one == replayed(acme_path, feed_file, "2", "America/New_York")
    assert one.splitlines()[:200] == whole(loaded(ACME), fed())[:200]
