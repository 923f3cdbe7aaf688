"""What a store knows of one lead: its story, and where it stood at a moment.

A moment gone by is lived through again from the log, in memory: the same
events under the same agreements give the same states.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from rules.admission import admit
from rules.agreement import Agreement
from rules.decisions import Decision
from rules.events import Event
from rules.lead.rulebook import rulebook
from rules.lead.standing import Section, standing
from rules.loading import load_agreement
from streams.codec import decode_decision
from streams.engine import Engine
from streams.sqlite.reading import SqliteReader
from streams.storage import Record, StorageError
from streams.stories import interleave

_PAGE: Final = 1_000
_OF_ONE_LEAD: Final = 20_000
"""All of a lead's are held at once anyway, and each page looks for its place anew."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Told:
    """A lead's story up to `at`, and where it stood then.

    `sections` is None where that can't be told any more: the log's beginning
    has been removed, its retention being over.
    """

    agreement: Agreement
    story: list[Event | Decision]
    at: datetime
    sections: tuple[Section, ...] | None
    bodies: dict[int, bytes]
    """The story's decisions as they left the service, by their `sequence`."""


def tell(reader: SqliteReader, lead_id: str, at: datetime | None, present: datetime) -> Told | None:
    """What is known of the lead at `at` (None: at `present`); None if nothing is.

    A moment that the service has not lived through yet counts as the last that
    it has. Raises `StorageError`.
    """
    stands = reader.standing()
    if stands.clock_at is None or stands.agreement is None:
        return None
    lead = reader.lead(lead_id)
    upto = min(at or present, present)
    if lead is not None and lead.wake_at is not None and stands.clock_at < lead.wake_at <= upto:
        upto = stands.clock_at
    most = _OF_ONE_LEAD
    records = _paged(lambda after: reader.events_of(lead_id, after, most), lambda one: one.offset)
    events = [each.event for each in records if each.event and each.stamped_at <= upto]
    numbered = _paged(lambda after: reader.decisions(after, most, lead_id), lambda one: one[0])
    made = [(decode_decision(body), body) for _, body in numbered]
    decisions = [each for each, _ in made if each.time_at <= upto]
    if not events and not decisions:
        return None
    story = interleave(events, decisions)
    bodies = {each.sequence: body for each, body in made}
    agreement = stored(reader, stands.agreement)
    if upto >= stands.clock_at:
        sections = standing(rulebook(agreement), lead, upto) if lead is not None else ()
        return Told(agreement, story, upto, sections, bodies)
    engine = _lived_through(reader, upto)
    if engine is None:
        return Told(agreement, story, upto, None, bodies)
    then = engine.leads.get(lead_id)
    sections = standing(engine.book, then, upto) if then is not None else ()
    return Told(engine.book.agreement, story, upto, sections, bodies)


def _lived_through(reader: SqliteReader, at: datetime) -> Engine | None:
    """The log up to `at` lived through again; None where its beginning has been removed."""
    engine: Engine | None = None
    expected = 1
    for record in _paged(lambda after: reader.records(after, _PAGE), lambda one: one.offset):
        if record.offset != expected:
            return None
        expected += 1
        if record.stamped_at > at:
            break
        engine = _lived(engine, record, reader)
    if engine is not None:
        engine.run_until(at)
    return engine


def _lived(engine: Engine | None, record: Record, reader: SqliteReader) -> Engine:
    if record.agreement is not None:
        agreement = stored(reader, record.agreement)
        if engine is None:
            return Engine(agreement)
        engine.run_until(record.stamped_at)
        engine.switch(agreement)
        return engine
    assert engine is not None, "the first record of a log activates an agreement"
    assert record.event is not None
    if admit(engine.book.agreement, record.event) is None:
        engine.take(record.event, record.stamped_at)
    return engine


def stored(reader: SqliteReader, digest: str) -> Agreement:
    """The stored agreement of that digest. Raises `StorageError` if it can't be had."""
    text = reader.agreement(digest)
    loaded = load_agreement(text, f"agreement {digest[:12]}") if text is not None else None
    if loaded is None or loaded.agreement is None:
        raise StorageError(
            f"The store does not hold agreement {digest[:12]} in a form that this release reads. "
            "Ask with the release that wrote it, or restore a backup.",
            "damaged",
        )
    return loaded.agreement


def _paged(page: Callable[[int], Sequence[_T]], key: Callable[[_T], int]) -> Iterator[_T]:
    """Everything, page by page; `page` gives what is behind a number, `key` a row's number."""
    after = 0
    while rows := page(after):
        yield from rows
        after = key(rows[-1])
