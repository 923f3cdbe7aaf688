"""A lead's events and decisions, put together again in the order in which they came about."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from streams.codec import decode_decision, encode
from streams.engine import Engine
from streams.feed import Feed
from streams.stories import interleave

START_AT = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(acme: Agreement) -> dict[str, list[Event | Decision]]:
    """By lead, everything that happened to it, in order."""
    feed = Feed(acme, seed=3, leads=25, start_at=START_AT, days=42)
    engine = Engine(acme)
    told: dict[str, list[Event | Decision]] = {lead: [] for lead in feed.prospects}
    seen: set[tuple[str, str]] = set()
    while (event := feed.next_event()) is not None:
        assert event.received_at is not None
        before = engine.run_until(event.received_at)
        fresh = (event.subject, event.id) not in seen
        seen.add((event.subject, event.id))
        after = engine.take(event, event.received_at)
        happened: list[Event | Decision] = [*before, *([event] if fresh else []), *after]
        for each in happened:
            if isinstance(each, Decision):
                feed.saw(each, event.received_at)
            if each.subject in told:
                told[each.subject].append(each)
    return told


def test_a_story_is_told_as_it_happened(told: dict[str, list[Event | Decision]]) -> None:
    assert len(told) == 25
    for story in told.values():
        events = [each for each in story if isinstance(each, Event)]
        decisions = [each for each in story if isinstance(each, Decision)]
        assert interleave(events, decisions) == story


def test_a_decision_is_read_back_as_it_was(
    told: dict[str, list[Event | Decision]], acme: Agreement
) -> None:
    decisions = [one for story in told.values() for one in story if isinstance(one, Decision)]
    assert len({one.type for one in decisions}) > 8
    for one in decisions:
        assert decode_decision(encode(one, acme.source)) == one


def test_a_story_whose_beginning_was_removed_starts_later(
    told: dict[str, list[Event | Decision]],
) -> None:
    story = max(told.values(), key=len)
    events = [each for each in story if isinstance(each, Event)]
    decisions = [each for each in story if isinstance(each, Decision)]
    shorter = interleave(events[2:], decisions)
    assert shorter == [each for each in story if each not in events[:2]]


def test_without_decisions_there_are_only_events() -> None:
    events = [
        Event("e-1", "/t", "page.viewed", "lead-1", START_AT + timedelta(hours=n), {}, None)
        for n in range(3)
    ]
    assert interleave(events, []) == events
