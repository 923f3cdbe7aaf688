"""What must hold of a run: nothing lost, nothing twice, nothing early, as an undisturbed engine."""

from collections import Counter
from collections.abc import Container, Sequence
from datetime import datetime

import msgspec

from rules.admission import admit
from rules.agreement import Agreement
from rules.decisions import Assigned, Breached, Decision, Recycled, Started
from rules.events import Event
from rules.vocabulary import ENDED
from streams.codec import decode_decision
from streams.engine import REMEMBERED
from streams.storage import Record, Store
from tests.chaos.simulation import Simulation
from tests.chaos.undisturbed import stamped, undisturbed
from tests.model.playing import as_told, first_difference
from tests.model.reference import Reference

Mark = tuple[str, str, str]


class DiffersFromReferenceError(AssertionError):
    """Live service and undisturbed engine agree; the plain reading of the contract does not."""

    def __init__(
        self, sentence: str, agreement: Agreement, records: Sequence[Record], final_at: datetime
    ) -> None:
        super().__init__(sentence)
        self.agreement, self.records, self.final_at = agreement, records, final_at


def judge(run: Simulation) -> None:
    """Raise `AssertionError` with a sentence on the first thing that does not hold."""
    log, store = run.disk.open()
    records = log.read(0, 1_000_000)
    stored = run.disk.decisions()
    _answers_are_true(run, records)
    final_at = run.final_at()
    by_digest = {each.digest: each for each in run.agreements}
    expected, refused = undisturbed(records, by_digest, final_at)
    _same(expected, stored)
    _log_is_sound(records, {each.offset for each in refused})
    assert run.disk.letters() == [each.body for each in refused], "dead letters"
    decisions = [decode_decision(body) for body in stored]
    _told_is_true(run.told, decisions)
    _numbers_have_no_gaps(decisions)
    _one_owner(decisions)
    if len(run.agreements) == 1:
        _breaches_once(decisions)
        _loads(run, store)
    wakes = store.due(None, 1)
    assert not wakes or wakes[0][0] > final_at, f"still due: {wakes}"
    # That the router looked in vain is no reason to write; it may look again.
    router_at, committed_at = store.router().wake_at, store.position()[1]
    assert committed_at is not None
    assert router_at is None or router_at > committed_at, f"the router is still due: {router_at}"
    if len(run.agreements) == 1:
        _as_the_reference(run, records, decisions, final_at)


def marked(event: Event) -> Mark:
    """What an event is known by (contract, section 1)."""
    return event.subject, event.source, event.id


def _same(expected: Sequence[bytes], stored: Sequence[bytes]) -> None:
    for place, (one, other) in enumerate(zip(expected, stored, strict=False)):
        assert one == other, f"decision {place + 1}\nexpected {one!r}\nstored   {other!r}"
    counts = (len(expected), len(stored))
    rest = [*expected[counts[1] :], *stored[counts[0] :]]
    assert not rest, f"{counts[0]} decisions expected, {counts[1]} stored; the first: {rest[0]!r}"


def _log_is_sound(records: Sequence[Record], unfit: Container[int]) -> None:
    """Numbered without gaps, and nothing in it twice but what could not be taken at first."""
    assert [record.offset for record in records] == list(range(1, len(records) + 1))
    stamps = [record.stamped_at for record in records]
    assert stamps == sorted(stamps), "stamps fall"
    taken: dict[Mark, datetime] = {}
    for record in records:
        if record.event is not None and record.offset not in unfit:
            mark = marked(record.event)
            known = taken.get(mark)
            assert known is None or record.stamped_at - known >= REMEMBERED, f"twice: {mark}"
            taken[mark] = record.stamped_at


def _answers_are_true(run: Simulation, records: Sequence[Record]) -> None:
    """Whoever was told yes has every event in the log, where the answer says it is."""
    known = {marked(record.event) for record in records if record.event is not None}
    for sent in run.answered:
        own = {marked(each.event) for each in sent.events}
        assert own <= known, f"lost: {own - known}"
        for record in sent.answer or ():
            assert records[record.offset - 1] == record, f"not what the log says: {record}"
            assert marked(stamped(record)) in own, f"somebody else's: {record}"


def _told_is_true(told: Sequence[Decision], decisions: Sequence[Decision]) -> None:
    """What was told is stored, and was told once: a crash may keep it from being told at all."""
    stored = {(each.subject, each.sequence): each for each in decisions}
    for (subject, sequence), times in Counter(
        (each.subject, each.sequence) for each in told
    ).items():
        assert times == 1, f"{subject} #{sequence} was told {times} times"
    for each in told:
        assert stored.get((each.subject, each.sequence)) == each, f"told, not stored: {each}"


def _numbers_have_no_gaps(decisions: Sequence[Decision]) -> None:
    newest: dict[str, int] = {}
    for each in decisions:
        assert each.sequence == newest.get(each.subject, 0) + 1, f"gap before {each}"
        newest[each.subject] = each.sequence


def _one_owner(decisions: Sequence[Decision]) -> None:
    owners: dict[str, str | None] = {}
    for each in decisions:
        if isinstance(each.data, Assigned):
            # A lead that is given back after it had ended comes from nobody.
            assert each.data.was in (None, owners.get(each.subject)), f"taken from another: {each}"
            owners[each.subject] = each.data.rep
        elif isinstance(each.data, Recycled):
            owners[each.subject] = None


def _breaches_once(decisions: Sequence[Decision]) -> None:
    running: dict[tuple[str, str], bool] = {}
    for each in decisions:
        if isinstance(each.data, Started):
            running[each.subject, each.data.clause] = True
        elif isinstance(each.data, Breached) and each.data.kind == "late":
            assert each.time_at == each.data.due, f"not at its due time: {each}"
            assert running.pop((each.subject, each.data.clause), False), f"breached again: {each}"


def _loads(run: Simulation, store: Store) -> None:
    """The router counts for each rep the open leads that are theirs."""
    owned = Counter(
        lead.owner
        for lead in run.disk.all_leads()
        if lead.owner is not None and lead.stage not in ENDED and lead.stage != "nurturing"
    )
    reps = store.router().reps
    assert {name: rep.open for name, rep in reps.items() if rep.open} == dict(owned)


def _as_the_reference(
    run: Simulation, records: Sequence[Record], decisions: list[Decision], final_at: datetime
) -> None:
    """A plain, slow reading of the contract says the same of what the log holds."""
    agreement = run.agreements[0]
    reference = Reference(agreement)
    told = []
    for record in records:
        if record.event is not None and admit(agreement, record.event) is None:
            event = msgspec.structs.replace(record.event)
            told += reference.take(event, record.stamped_at)
    told += reference.run_until(final_at)
    difference = first_difference(told, [as_told(each) for each in decisions])
    if difference is not None:
        sentence = f"{agreement.name}\n{difference}"
        raise DiffersFromReferenceError(sentence, agreement, records, final_at)
