"""The demonstration's feed: believable, in order, and the same each time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from rules.agreement import Agreement
from rules.decisions import Assigned, Decision, Recycled
from rules.events import LISTED_EVENTS, REP_EVENTS, Event, is_touch
from streams.codec import decode, encode_event
from streams.feed import Feed

START_AT = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
DAYS = 28
Decide = Callable[[Event], list[Decision]]


@pytest.fixture
def feed(acme: Agreement) -> Feed:
    return Feed(acme, seed=5, leads=40, start_at=START_AT, days=DAYS)


def _assigned(lead: str, rep: str, at: datetime) -> Decision:
    data = Assigned(rep=rep, team="italy", rule=None, was=None, passed_over=(), because=())
    return Decision(lead, 1, at, None, data)


def _run(feed: Feed, decide: Decide = lambda _: []) -> list[Event]:
    events = []
    while (event := feed.next_event()) is not None:
        events.append(event)
        assert event.received_at is not None
        for decision in decide(event):
            feed.saw(decision, event.received_at)
    return events


def _give_every_lead_to_marco(event: Event) -> list[Decision]:
    if event.type != "lead.captured" or event.received_at is None:
        return []
    return [_assigned(event.subject, "marco", event.received_at)]


def _known_at(event: Event) -> datetime:
    assert event.received_at is not None
    return event.received_at


def test_events_leave_in_the_order_in_which_they_were_received(feed: Feed) -> None:
    events = _run(feed, _give_every_lead_to_marco)
    assert len(events) > 200
    stamps = [_known_at(event) for event in events]
    assert stamps == sorted(stamps)
    assert all(event.time_at <= _known_at(event) for event in events)
    assert START_AT <= stamps[0] <= stamps[-1] < START_AT + timedelta(days=DAYS)


def test_the_same_seed_and_decisions_give_the_same_events(acme: Agreement) -> None:
    make = partial(Feed, acme, leads=12, start_at=START_AT, days=DAYS)
    first = _run(make(seed=1), _give_every_lead_to_marco)
    assert first == _run(make(seed=1), _give_every_lead_to_marco)
    assert first != _run(make(seed=2), _give_every_lead_to_marco)


def test_the_codec_takes_every_line_and_reads_back_the_event(feed: Feed) -> None:
    for event in _run(feed, _give_every_lead_to_marco):
        assert decode(encode_event(event)) == event


def test_nobody_works_a_lead_before_it_is_theirs(feed: Feed) -> None:
    events = _run(feed)
    by_sales = LISTED_EVENTS - REP_EVENTS - {"lead.captured", "lead.updated"}
    assert [event for event in events if event.type in by_sales] == []
    assert {event.type for event in events if is_touch(event.type)} >= {
        "page.viewed",
        "webinar.attended",
        "ebook.downloaded",
        "form.submitted",
    }


def test_reps_react_in_their_own_hours_some_late_and_some_never(
    feed: Feed, acme: Agreement
) -> None:
    given: dict[str, datetime] = {}

    def decide(event: Event) -> list[Decision]:
        decisions = _give_every_lead_to_marco(event)
        given.update({each.subject: each.time_at for each in decisions})
        return decisions

    first: dict[str, datetime] = {}
    for event in _run(feed, decide):
        if event.type == "lead.attempted":
            assert event.data["by"] == "marco"
            first.setdefault(event.subject, event.time_at)
    office = acme.people["marco"].calendar
    assert office is not None
    waits = [office.elapsed(given[lead], at) for lead, at in first.items()]
    assert all(office.is_open(at - timedelta(minutes=2)) for at in first.values())
    assert min(waits) < timedelta(minutes=15) < timedelta(hours=2) < max(waits)
    assert set(given) - set(first)


def test_some_events_come_late_and_some_twice(feed: Feed) -> None:
    events = _run(feed, _give_every_lead_to_marco)
    lateness = [_known_at(event) - event.time_at for event in events]
    assert max(lateness) > timedelta(minutes=15)
    taken = Counter((event.source, event.id) for event in events)
    assert {1, 2} <= set(taken.values()) <= {1, 2}


def test_who_loses_a_lead_stops_working_it(acme: Agreement) -> None:
    feed = Feed(acme, seed=5, leads=40, start_at=START_AT, days=DAYS)

    def to_lucia_at_the_first_attempt(event: Event) -> list[Decision]:
        decisions = _give_every_lead_to_marco(event)
        if event.type == "lead.attempted" and event.data["by"] == "marco":
            decisions.append(_assigned(event.subject, "lucia", _known_at(event)))
        return decisions

    moved: dict[str, str] = {}
    for event in _run(feed, to_lucia_at_the_first_attempt):
        if event.data.get("by") != "marco":
            continue
        if event.type == "lead.attempted":
            moved.setdefault(event.subject, event.id)
        # The very attempt may arrive twice; nothing else of his may follow it.
        assert moved.get(event.subject, event.id) == event.id
    assert moved


def test_a_recycled_lead_is_nurtured_and_its_rep_stops(acme: Agreement) -> None:
    feed = Feed(acme, seed=3, leads=30, start_at=START_AT, days=60)
    recycled: set[str] = set()
    nurtured: set[str] = set()

    def decide(event: Event) -> list[Decision]:
        if event.type == "lead.rejected" and event.subject not in recycled:
            recycled.add(event.subject)
            data = Recycled(reason="timing", attempts=1, because=())
            return [Decision(event.subject, 2, _known_at(event), event.id, data)]
        if event.subject in recycled and is_touch(event.type):
            nurtured.add(event.subject)
        return _give_every_lead_to_marco(event)

    _run(feed, decide)
    assert recycled
    assert len(nurtured) >= len(recycled) // 2


def test_decisions_about_others_change_nothing(feed: Feed) -> None:
    before = feed.next_at()
    feed.saw(_assigned("somebody else", "marco", START_AT), START_AT)
    feed.saw(_assigned("lead-01", "nobody of ours", START_AT), START_AT)
    assert feed.next_at() == before
