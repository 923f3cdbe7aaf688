"""Every log: durable, in order, stamped once, each event once in 35 days."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.codec import decode
from streams.storage import Record, StorageError
from tests.conformance.material import DIGEST, SECOND, START_AT, accepted, many
from tests.conformance.places import Place

REMEMBERED = timedelta(days=35)
MICROSECOND = timedelta(microseconds=1)


def ids(records: list[Record]) -> list[str | None]:
    return [record.event.id if record.event else record.agreement for record in records]


def test_an_empty_log_is_empty(place: Place) -> None:
    assert place.log.read(0, 10) == []
    assert place.log.newest_stamp() is None
    assert place.log.append([], START_AT) == []


def test_what_was_appended_is_read_back_in_order_and_stamped(place: Place) -> None:
    first = place.log.append(many(1, 3), START_AT)
    second = place.log.append(many(4, 2, "lead-2"), START_AT + SECOND)
    assert [record.offset for record in first + second] == [1, 2, 3, 4, 5]
    assert [record.stamped_at for record in second] == [START_AT + SECOND] * 2
    assert all(record.event and record.event.received_at == record.stamped_at for record in first)
    assert first[0].event is not None
    assert first[0].event.data == accepted(1).event.data
    assert place.log.read(0, 10) == first + second


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_appended_outlives_the_process(place: Place, killed: bool) -> None:
    records = place.log.append(many(1, 50), START_AT)
    place.reopen(killed=killed)
    assert place.log.read(0, 100) == records
    assert place.log.newest_stamp() == START_AT
    assert place.log.append(many(1, 50), START_AT) == []
    assert place.log.append([accepted(51)], START_AT)[0].offset == 51


def test_pages_of_the_log_join_without_gap_or_overlap(place: Place) -> None:
    place.log.append(many(1, 25), START_AT)
    pages, after = [], 0
    while page := place.log.read(after, 7):
        pages.append(len(page))
        assert page[0].offset == after + 1
        after = page[-1].offset
    assert pages == [7, 7, 7, 4]
    assert place.log.read(25, 7) == []


def test_stamps_never_fall_when_the_clock_does(place: Place) -> None:
    place.log.append([accepted(1)], START_AT)
    late = place.log.append([accepted(2)], START_AT - timedelta(hours=1))
    assert late[0].stamped_at == START_AT
    place.reopen()
    assert place.log.activate(DIGEST, START_AT - SECOND).stamped_at == START_AT
    assert place.log.append([accepted(3)], START_AT - SECOND)[0].stamped_at == START_AT
    assert place.log.newest_stamp() == START_AT


def test_stamps_keep_every_microsecond(place: Place) -> None:
    at = START_AT + 123_457 * MICROSECOND
    place.log.append([accepted(1)], at)
    place.reopen()
    assert [record.stamped_at for record in place.log.read(0, 1)] == [at]


def test_an_event_is_known_by_subject_source_and_id_together(place: Place) -> None:
    same = accepted(1)
    others = [accepted(1, "lead-2"), accepted(1, source="/crm"), accepted("1x")]
    assert len(place.log.append([same, *others], START_AT)) == 4
    assert place.log.append([same, *others], START_AT) == []


def test_a_repeat_within_one_batch_is_taken_once(place: Place) -> None:
    records = place.log.append([accepted(1), accepted(2), accepted(1), accepted(3)], START_AT)
    assert ids(records) == ["e-1", "e-2", "e-3"]
    assert [record.offset for record in records] == [1, 2, 3]


def test_repeats_between_new_events_leave_no_gap(place: Place) -> None:
    place.log.append(many(1, 3), START_AT)
    records = place.log.append([*many(2, 3), accepted(9)], START_AT)
    assert ids(records) == ["e-4", "e-9"]
    assert [record.offset for record in records] == [4, 5]
    assert ids(place.log.read(0, 10)) == ["e-1", "e-2", "e-3", "e-4", "e-9"]


@pytest.mark.parametrize(("after", "taken"), [(REMEMBERED - MICROSECOND, 0), (REMEMBERED, 1)])
def test_an_event_is_known_for_35_days_from_when_it_was_taken(
    place: Place, after: timedelta, taken: int
) -> None:
    place.log.append([accepted(1)], START_AT)
    # A repeat in between does not make the memory longer.
    place.log.append([accepted(1)], START_AT + timedelta(days=20))
    assert len(place.log.append([accepted(1)], START_AT + after)) == taken


def test_the_stamp_counts_for_repeats_not_the_clock(place: Place) -> None:
    place.log.append([accepted(1)], START_AT)
    place.log.append([accepted(2)], START_AT + REMEMBERED)
    assert len(place.log.append([accepted(1)], START_AT)) == 1


def test_activations_stand_among_the_events(place: Place) -> None:
    place.log.append([accepted(1)], START_AT)
    record = place.log.activate(DIGEST, START_AT + SECOND)
    place.log.append([accepted(2)], START_AT + SECOND)
    assert record == Record(2, START_AT + SECOND, None, DIGEST)
    place.reopen()
    assert ids(place.log.read(0, 10)) == ["e-1", DIGEST, "e-2"]
    assert place.log.read(1, 1) == [record]


def test_a_failed_append_keeps_nothing_and_the_next_one_goes_on(place: Place) -> None:
    place.log.append([accepted(0)], START_AT)
    place.break_disk()
    with pytest.raises(StorageError):
        place.log.append(many(1, 2_000), START_AT + SECOND)
    assert ids(place.log.read(0, 10)) == ["e-0"]
    assert place.log.newest_stamp() == START_AT
    place.mend_disk()
    records = place.log.append(many(1, 2_000), START_AT + SECOND)
    assert [record.offset for record in records] == list(range(2, 2_002))
    place.reopen(killed=True)
    assert len(place.log.read(0, 3_000)) == 2_001


def sound(name: str) -> bool:
    """Whether the codec takes events and leads of that name."""
    each = accepted(name, name)
    return decode(each.body) == each.event


names = st.text(
    st.characters(categories=("L", "N", "P", "S")).filter(sound), min_size=1, max_size=12
).filter(sound)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.tuples(names, names), max_size=6), max_size=4))
def test_whatever_events_are_called(place: Place, batches: list[list[tuple[str, str]]]) -> None:
    after = place.log.read(0, 1_000_000)[-1:]
    seen = {
        (record.event.subject, record.event.id)
        for record in place.log.read(0, 1_000_000)
        if record.event
    }
    fresh: list[tuple[str, str]] = []
    for batch in batches:
        place.log.append([accepted(name, subject) for subject, name in batch], START_AT)
        for subject, name in batch:
            if (subject, f"e-{name}") not in seen:
                seen.add((subject, f"e-{name}"))
                fresh.append((subject, f"e-{name}"))
    records = place.log.read(after[0].offset if after else 0, 1_000_000)
    assert [(each.event.subject, each.event.id) for each in records if each.event] == fresh
