"""What could not be taken: kept with its original bytes until it is sent again."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.refusals import DeadLetter, Reason
from streams.sqlite.stamps import maybe_at, to_us

_COLUMNS: Final = "id, taken_at, reason, sentence, field, body, cut, redriven_at"


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter as the store has it. `redriven_at` is when it was last sent again."""

    id: int
    taken_at: datetime
    reason: Reason
    sentence: str
    field: str | None
    body: bytes
    cut: bool
    redriven_at: datetime | None


def keep(connection: sqlite3.Connection, letters: Sequence[DeadLetter], now: datetime) -> None:
    """Write letters, taken at `now`; inside a transaction of the caller's."""
    connection.executemany(
        "INSERT INTO dead_letters (taken_at, reason, sentence, field, body, cut)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (to_us(now), each.reason, each.sentence, each.field, each.original_bytes(), each.cut)
            for each in letters
        ],
    )


def mark_redriven(connection: sqlite3.Connection, ids: Iterable[int], now: datetime) -> None:
    """Note that letters were sent again at `now`; inside a transaction of the caller's."""
    connection.executemany(
        "UPDATE dead_letters SET redriven_at = ? WHERE id = ?",
        [(to_us(now), number) for number in ids],
    )


def page(
    connection: sqlite3.Connection, after: int, limit: int, *, waiting_only: bool
) -> list[KeptLetter]:
    """Letters with ids above `after`, in order; with `waiting_only`, those never sent again."""
    waiting = " AND redriven_at IS NULL" if waiting_only else ""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE id > ?{waiting} ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [_letter(*row) for row in rows]


def one(connection: sqlite3.Connection, number: int) -> KeptLetter | None:
    """The letter of that id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE id = ?", (number,)
    ).fetchone()
    return _letter(*row) if row else None


def _letter(
    number: int, taken_at: int, reason: Reason, sentence: str, field: str | None, body: bytes,
    cut: int, redriven_at: int | None,
) -> KeptLetter:  # fmt: skip
    taken = maybe_at(taken_at)
    assert taken is not None
    return KeptLetter(
        id=number, taken_at=taken, reason=reason, sentence=sentence, field=field, body=body,
        cut=bool(cut), redriven_at=maybe_at(redriven_at),
    )  # fmt: skip
