"""Leads that come in through two partitions, and names that come twice."""

from datetime import timedelta

import pytest

from rules.lead.state import Lead
from streams.engine import REMEMBERED
from streams.postgres.claims import resume
from streams.postgres.store import PartitionStore
from streams.postgres.stretches import month, stretches, week
from streams.storage import ConflictError
from tests.conformance.material import SECOND, START_AT, work
from tests.postgres.conftest import Claiming, Opening
from tests.postgres.material import decision, event

pytestmark = pytest.mark.postgres
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def test_a_lead_changed_through_another_partition_is_not_written_over(
    claiming: Claiming, opening: Opening
) -> None:
    first, second = claiming(0), claiming(1)
    first.commit(work([Lead(id="a", points=1)], [decision("a", 1)], offset=1))
    assert second.lead("a") == Lead(id="a", points=1)
    first.commit(work([Lead(id="a", points=2)], [decision("a", 2)], offset=2))
    with pytest.raises(ConflictError, match="1 of 1 leads"):
        second.commit(work([Lead(id="a", points=9)], [decision("a", 3)], offset=1))
    session = opening()
    again = PartitionStore(session, resume(session, second.claim))
    assert again.position()[0] == 0
    assert again.lead("a") == Lead(id="a", points=2)
    again.commit(work([Lead(id="a", points=3)], [decision("a", 3)], offset=1))
    with pytest.raises(ConflictError):
        first.commit(work([Lead(id="a", points=9)], offset=3))
    assert session.rows("SELECT version, home FROM leads") == [(3, 1)]


def test_a_lead_that_two_partitions_see_first_is_made_once(claiming: Claiming) -> None:
    first, second = claiming(0), claiming(1)
    assert first.lead("a") is None
    assert second.lead("a") is None
    first.commit(work([Lead(id="a", points=1)], offset=1))
    with pytest.raises(ConflictError):
        second.commit(work([Lead(id="a", points=2), Lead(id="b")], offset=1))
    assert claiming(1).lead("b") is None


def test_the_version_that_was_handed_out_counts_however_many_leads_are_read(
    claiming: Claiming,
) -> None:
    first, second = claiming(0), claiming(1)
    leads = [Lead(id=f"lead-{number:03}") for number in range(200)]
    first.commit(work(leads, offset=1))
    assert second.lead("lead-000") == leads[0]
    first.commit(work([Lead(id="lead-000", points=1)], offset=2))
    for lead in leads:
        second.lead(lead.id)
    second.prefetch(lead.id for lead in leads)
    with pytest.raises(ConflictError):
        second.commit(work([Lead(id="lead-000", points=2)], offset=1))


def test_who_wrote_a_lead_last_wakes_it(claiming: Claiming) -> None:
    first, second = claiming(0), claiming(1)
    first.commit(work([Lead(id="a", wake_at=START_AT)], offset=1))
    assert second.due(None, 9) == []
    assert second.lead("a") is not None
    second.commit(work([Lead(id="a", wake_at=START_AT + SECOND)], offset=1))
    assert first.due(None, 9) == []
    assert second.due(None, 9) == [(START_AT + SECOND, "a")]


@pytest.mark.parametrize(
    ("after", "repeats"), [(REMEMBERED - MICROSECOND, True), (REMEMBERED, False)]
)
def test_an_event_is_known_for_35_days_from_when_it_was_taken(
    claiming: Claiming, after: timedelta, repeats: bool
) -> None:
    store = claiming()
    store.expect([event(1)])
    assert not store.repeats(event(1), START_AT)
    store.commit(work(offset=1))
    later = claiming()
    again = event(1, at=START_AT + after)
    later.expect([again])
    assert later.repeats(again, START_AT + after) is repeats
    later.commit(work(offset=2, now=START_AT + after))
    # Taken anew, it is known from then on.
    assert claiming().repeats(again, START_AT + after)


def test_a_repeat_is_known_in_its_slice_after_it_and_through_another_partition(
    claiming: Claiming,
) -> None:
    store = claiming(0)
    store.expect([event(1), event(2), event(1)])
    taken = [store.repeats(each, START_AT) for each in (event(1), event(2), event(1))]
    assert taken == [False, False, True]
    # What is expected next does not make it forget what is not written yet.
    store.expect([event(2), event(3)])
    assert [store.repeats(event(number), START_AT) for number in (2, 3)] == [True, False]
    store.commit(work(offset=4))
    assert store.repeats(event(3), START_AT)
    assert claiming(1).repeats(event(3), START_AT)


def test_what_was_not_committed_was_not_taken(claiming: Claiming) -> None:
    assert not claiming().repeats(event(1), START_AT)
    assert not claiming().repeats(event(1), START_AT)


def test_events_are_told_apart_by_subject_and_id(claiming: Claiming) -> None:
    store = claiming()
    events = [event(1), event(2), event(1, "lead-2")]
    store.expect(events)
    assert [store.repeats(each, START_AT) for each in events] == [False, False, False]
    store.commit(work(offset=3))
    assert all(claiming().repeats(each, START_AT) for each in events)


def test_tables_are_made_ahead_wherever_time_goes(claiming: Claiming, opening: Opening) -> None:
    store = claiming()
    at = START_AT
    for offset in range(1, 6):
        assert not store.repeats(event(offset, at=at), at)
        store.commit(work([Lead(id="a")], [decision("a", offset, at)], offset=offset, now=at))
        at += 20 * DAY
    last, session = at - 20 * DAY, opening()
    months = stretches(session, "decisions")
    assert months[0] == month(START_AT)
    assert months[-1].from_at > last
    weeks = stretches(session, "names")
    assert weeks[0] == week(START_AT)
    assert weeks[-1].from_at > last
    assert len(session.rows("SELECT 1 FROM decisions")) == 5


def test_months_and_weeks_meet_without_gap() -> None:
    for of in (month, week):
        at = START_AT - 800 * DAY
        for _ in range(60):
            stretch = of(at)
            assert stretch.from_at <= at < stretch.until_at
            assert of(stretch.until_at - MICROSECOND) == stretch
            assert of(stretch.until_at).from_at == stretch.until_at
            at = stretch.until_at
