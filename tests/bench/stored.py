"""Large stores, written directly: leads as two months of activity leave them, copied.

Every stored lead has its state, one event in the log and one decision, so that
the indexes are as deep as in earnest. Those that want to be woken soon are left
out of the copying: what a figure measures is what it causes itself. A store is
kept in `build/bench`, for the tables, the states and the week that it was made for.
"""

import os
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from rules.lead import state
from rules.lead.state import Lead
from rules.vocabulary import ENDED
from streams.clock import now as wall_now
from streams.codec import encode
from streams.engine import Engine
from streams.loop import Loop
from streams.sqlite import schema
from streams.sqlite.database import Database
from streams.sqlite.names import key
from streams.sqlite.stamps import maybe_us, to_us
from tests.bench.activity import agreement, agreement_text, body, mixed

FOLDER: Final = Path(__file__).parents[2] / "build" / "bench"
FEW: Final = 10_000
MANY: Final = 1_000_000
_QUIET: Final = timedelta(days=20)
"""No stored lead wants to be woken sooner than this after the store's newest stamp."""
_KEPT: Final = timedelta(days=7)
_LEAD: Final = "lead-0000000"
_EVENT: Final = "event-0000000"


class _Template(NamedTuple):
    """The rows of one lead, its name and that of its event to be put in."""

    state: bytes
    wake_us: int | None
    standing: tuple[str, str | None, str | None]
    event: bytes
    decision: bytes
    open_for: str | None


def lead_id(number: int) -> str:
    """The name of a stored lead; numbers count from 0, the newest last."""
    return f"lead-{number:07}"


@cache
def lead_ids(count: int) -> tuple[str, ...]:
    """The names of all leads of a store of that size."""
    return tuple(map(lead_id, range(count)))


def has_deadline(lead_id: str) -> bool:
    """Whether the lead is one of the hundredth that benchmarks of deadlines may give one."""
    return lead_id.endswith("07")


def stored(count: int) -> Path:
    """A closed store of `count` leads, not to be written to: `copied` makes one that may be."""
    today = wall_now().date().isocalendar()
    made_for = f"{_shapes()}-{today.year}w{today.week:02}"
    path = FOLDER / f"{count}-leads-{made_for}.db"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob(f"{count}-leads-*"):
            old.unlink()
        part = FOLDER / "part.db"
        for old in FOLDER.glob(f"{part.name}*"):
            old.unlink()
        _make(part, count)
        part.rename(path)
    return path


def _shapes() -> str:
    """Changes whenever rows may look different, so that no store of another shape is used."""
    made_by = (state.__file__, schema.__file__, __file__)
    return blake2b(b"".join(Path(each).read_bytes() for each in made_by), digest_size=4).hexdigest()


@cache
def copied(count: int) -> Path:
    """A copy that all benchmarks of this run share and write to, one after the other."""
    path = FOLDER / f"work-{count}.db"
    for old in FOLDER.glob(f"{path.name}*"):
        old.unlink()
    shutil.copyfile(stored(count), path)
    # Gigabytes that are still on their way to the disk would hold up every commit.
    os.sync()
    _read_once(path)
    return path


def _read_once(path: Path) -> None:
    """Have the system keep the file in its cache, as it does where a service has run for a day."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def base_at() -> datetime:
    """The newest stamp of a store made now: a while ago, so that live services go on from it."""
    return (wall_now() - _KEPT).replace(minute=0, second=0, microsecond=0)


def _make(path: Path, count: int) -> None:
    with Database(path) as database:
        database.store.keep_agreement(agreement().digest, agreement_text())
        at = base_at()
        loop = Loop(database.log, database.store)
        loop.offer([database.log.activate(agreement().digest, at)])
        loop.slice(at, lambda: False)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nobody needs a half-made store: a crash costs making it again.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN IMMEDIATE")
        templates = _templates(at)
        # The second half goes between the first: pages are then as full as pages become in time.
        # Packed ones would be split by every change.
        for half in (range(0, count, 2), range(1, count, 2)):
            _fill(connection, templates, half, at)
            for _, statement in indexes:
                connection.execute(statement)
            indexes = []
        connection.execute(
            "INSERT INTO keys SELECT key, seq FROM events WHERE key IS NOT NULL ORDER BY key"
        )
        _settle(connection, templates, count)
        connection.execute("COMMIT")


def _fill(
    connection: sqlite3.Connection, templates: list[_Template], numbers: range, at: datetime
) -> None:
    at_us = to_us(at)

    def of(number: int) -> _Template:
        return templates[number % len(templates)]

    connection.executemany(
        "INSERT INTO leads VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (n + 1, lead_id(n), of(n).wake_us, *of(n).standing, n + 1, _named(of(n).state, n))
            for n in numbers
        ),
    )
    connection.executemany(
        "INSERT INTO events (stamped_at, key, subject, body) VALUES (?, ?, ?, ?)",
        (
            (at_us, key(lead_id(n), "/crm", f"event-{n:07}"), lead_id(n), _named(of(n).event, n))
            for n in numbers
        ),
    )
    connection.executemany(
        "INSERT INTO decisions (seq, lead, time_at, body) VALUES (?, ?, ?, ?)",
        ((n + 1, lead_id(n), at_us, _named(of(n).decision, n)) for n in numbers),
    )


def _settle(connection: sqlite3.Connection, templates: list[_Template], count: int) -> None:
    """Make the router's rows and the position fit what was filled in."""
    held = Counter(templates[n % len(templates)].open_for for n in range(count))
    connection.executemany(
        "INSERT INTO reps VALUES (?, ?, 0, NULL, NULL, ?)",
        [(rep, held[rep], number) for number, rep in enumerate(held) if rep is not None],
    )
    connection.execute(
        "UPDATE position SET offset = m, keyed = m, decision = ?"
        " FROM (SELECT max(seq) AS m FROM events)",
        (count,),
    )


def _named(row: bytes, number: int) -> bytes:
    named = row.replace(_LEAD.encode(), lead_id(number).encode())
    return named.replace(_EVENT.encode(), f"event-{number:07}".encode())


def _templates(at: datetime) -> list[_Template]:
    """What becomes of the leads of the mix if it ends at `at`."""
    events = mixed()
    ends_at = events[-1].received_at
    assert ends_at is not None
    later = at - ends_at
    engine = Engine(agreement())
    firsts: dict[str, tuple[bytes, bytes]] = {}
    for event in events:
        assert event.received_at is not None
        moved = msgspec.structs.replace(
            event, time_at=event.time_at + later, received_at=event.received_at + later
        )
        made = engine.take(moved, event.received_at + later)
        if made and made[0].subject == event.subject and event.subject not in firsts:
            named = msgspec.structs.replace(moved, subject=_LEAD, id=_EVENT)
            about = msgspec.structs.replace(made[0], subject=_LEAD)
            firsts[event.subject] = body(named), encode(about, agreement().source)
    return [
        _template(lead, *firsts[lead.id])
        for lead in engine.leads.values()
        if lead.id in firsts and not lead.queued
        and (lead.wake_at is None or lead.wake_at > at + _QUIET)
    ]  # fmt: skip


def _template(lead: Lead, event: bytes, decision: bytes) -> _Template:
    named = msgspec.structs.replace(lead, id=_LEAD)
    return _Template(
        msgspec.msgpack.encode(named),
        maybe_us(lead.wake_at),
        (lead.stage, lead.temperature, lead.owner),
        event,
        decision,
        lead.owner if lead.stage not in ENDED else None,
    )
