"""Leads as rows: read in one go, held decoded, and written only over what was read.

A lead that was handed out is held until the next commit as it was then: the version
that the slice has worked on is the one that the commit must find.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from psycopg.rows import TupleRow

from rules.lead.state import Lead
from streams.postgres.connect import Connection, Session
from streams.postgres.failures import storage_error
from streams.storage import ConflictError

READ: Final = "SELECT id, state, version, decision, decided_at FROM leads WHERE id = ANY(%b)"
_COLUMNS: Final = """unnest(
        %b::text[], %b::bigint[], %b::timestamptz[], %b::text[], %b::text[], %b::text[],
        %b::bigint[], %b::timestamptz[], %b::bytea[]
    ) AS t(id, version, wake_at, stage, temperature, owner, decision, decided_at, state)"""
_NEW: Final = f"""
    INSERT INTO leads (home, version, id, wake_at, stage, temperature, owner, decision, decided_at,
        state)
    SELECT %b, 1, id, wake_at, stage, temperature, owner, decision, decided_at, state
    FROM {_COLUMNS} ON CONFLICT (id) DO NOTHING"""
_CHANGED: Final = f"""
    UPDATE leads SET home = %b, version = leads.version + 1, wake_at = t.wake_at, stage = t.stage,
        temperature = t.temperature, owner = t.owner, decision = t.decision,
        decided_at = t.decided_at, state = t.state
    FROM {_COLUMNS} WHERE leads.id = t.id AND leads.version = t.version"""
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Lead).decode


class Row(NamedTuple):
    """A lead as it was read; no lead where there is none yet."""

    lead: Lead | None
    version: int
    decision: int | None
    """The position of its newest decision."""
    decided_at: datetime | None
    """The time of that decision, which says in which month's table it is."""


_ABSENT: Final = Row(None, 0, None, None)


class LeadRows:
    """The leads of a store's database. `cached` are held at most, besides those of the slice."""

    def __init__(self, session: Session, cached: int) -> None:
        self._session = session
        self._cached = cached
        self._rows: OrderedDict[str, Row] = OrderedDict()
        """The latest used last."""
        self._used: dict[str, Row] = {}
        """Handed out since the last commit."""

    def lead(self, lead_id: str) -> Lead | None:
        """The lead as last committed, or as it was when this slice first asked."""
        used = self._used.get(lead_id)
        return (used or self._use(lead_id)).lead

    def missing(self, lead_ids: Iterable[str]) -> list[str]:
        """Those that would have to be read, no more than can be held."""
        rows, used = self._rows, self._used
        return [each for each in lead_ids if each not in rows and each not in used][: self._cached]

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """Read those that would have to be."""
        missing = self.missing(lead_ids)
        if missing:
            self.hold(missing, self._session.rows(READ, (missing,)))

    def hold(self, asked: Sequence[str], found: Sequence[TupleRow]) -> None:
        """Take in what `READ` found of the leads that were asked for."""
        for lead_id, row in self._decoded(asked, found).items():
            self._put(lead_id, row)

    def standing(self, leads: Iterable[Lead]) -> dict[str, Row]:
        """The rows that these leads are to be written over."""
        ids = [lead.id for lead in leads]
        self.prefetch(ids)
        return {lead_id: self._used.get(lead_id) or self._use(lead_id) for lead_id in ids}

    def write(
        self, connection: Connection, partition: int, leads: Sequence[Lead], rows: Mapping[str, Row]
    ) -> None:
        """Write leads over `rows`, which name their newest decisions; inside a transaction.

        Raises `ConflictError` if one of them is not as it was read.
        """
        known = self._used
        # In one order everywhere, so that two partitions seldom wait for each other in a circle.
        changed = sorted((lead for lead in leads if known[lead.id].lead is not lead), key=_by_id)
        new = [lead for lead in changed if known[lead.id].lead is None]
        old = [lead for lead in changed if known[lead.id].lead is not None]
        counts = []
        with connection.pipeline():
            for statement, some in ((_NEW, new), (_CHANGED, old)):
                if some:
                    values = (partition, *_columns(some, rows))
                    counts.append((connection.execute(statement, values), some))
        for cursor, some in counts:
            if cursor.rowcount != len(some):
                raise ConflictError(
                    f"{len(some) - cursor.rowcount} of {len(some)} leads have been changed through"
                    f" another partition since partition {partition} read them."
                )

    def committed(self, leads: Iterable[Lead], rows: Mapping[str, Row]) -> None:
        """The transaction that wrote `leads` over `rows` has been committed."""
        for lead in leads:
            was, row = self._used[lead.id], rows[lead.id]
            version = was.version if was.lead is lead else was.version + 1
            self._used[lead.id] = Row(lead, version, row.decision, row.decided_at)
        used, self._used = self._used, {}
        for lead_id, row in used.items():
            self._put(lead_id, row)

    def _use(self, lead_id: str) -> Row:
        row = self._rows.pop(lead_id, None)
        if row is None:
            asked = [lead_id]
            row = self._decoded(asked, self._session.rows(READ, (asked,)))[lead_id]
        self._used[lead_id] = row
        return row

    def _put(self, lead_id: str, row: Row) -> None:
        rows = self._rows
        rows[lead_id] = row
        rows.move_to_end(lead_id)
        if len(rows) > self._cached:
            rows.popitem(last=False)

    def _decoded(self, asked: Sequence[str], found: Sequence[TupleRow]) -> dict[str, Row]:
        rows = dict.fromkeys(asked, _ABSENT)
        for lead_id, state, *rest in found:
            rows[lead_id] = Row(decoded(state, self._session.where), *rest)
        return rows


def decoded(state: bytes, where: str) -> Lead:
    """The lead in a row. Raises `StorageError` if the bytes are no state."""
    try:
        return _decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise storage_error("damaged", "read a lead of", where, str(error)) from error


def _by_id(lead: Lead) -> str:
    return lead.id


def _columns(leads: Sequence[Lead], rows: Mapping[str, Row]) -> tuple[list[object], ...]:
    over = [rows[lead.id] for lead in leads]
    return (
        [lead.id for lead in leads],
        [row.version for row in over],
        [lead.wake_at for lead in leads],
        [lead.stage for lead in leads],
        [lead.temperature for lead in leads],
        [lead.owner for lead in leads],
        [row.decision for row in over],
        [row.decided_at for row in over],
        [_encode(lead) for lead in leads],
    )
