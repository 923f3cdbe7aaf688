"""Places in which a log and a store can live: opened, closed, killed, broken and mended.

A new log or store joins the suite by a `Place` of its own, which `conftest.py` opens.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from streams.postgres.claims import Claim, claim, resume
from streams.postgres.connect import Session, open_session
from streams.postgres.outgoing import Outgoing
from streams.postgres.schema import prepare
from streams.postgres.store import PartitionStore
from streams.refusals import DeadLetter
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import Log, Store
from tests.conformance.memory import Disk, MemoryLog, MemoryStore


class Place(Protocol):
    """One durable log and store, at most once open."""

    log: Log
    store: Store

    def reopen(self, *, killed: bool = False) -> None:
        """Close, or die without closing, and open again as a new process would."""

    def recover(self) -> None:
        """Reopen within the process, as the writer does after a failed commit."""

    def break_disk(self) -> None:
        """From now on nothing new fits."""

    def mend_disk(self) -> None:
        """There is room again."""

    def decisions(self) -> Sequence[tuple[int, str, bytes]]:
        """Number, lead and bytes of everything decided, as a reader sees it."""

    def letters(self) -> Sequence[bytes]:
        """The originals of all dead letters."""

    def close(self) -> None:
        """Close it for good."""


class MemoryPlace:
    """The plain model."""

    def __init__(self, _: Path) -> None:
        self.disk = Disk()
        self.reopen()

    def reopen(self, *, killed: bool = False) -> None:
        self.log: Log = MemoryLog(self.disk)
        self.store: Store = MemoryStore(self.disk)

    def recover(self) -> None:
        self.reopen()

    def break_disk(self) -> None:
        self.disk.broken = True

    def mend_disk(self) -> None:
        self.disk.broken = False

    def decisions(self) -> Sequence[tuple[int, str, bytes]]:
        return [(seq, *row) for seq, row in enumerate(self.disk.decisions, 1)]

    def letters(self) -> Sequence[bytes]:
        return self.disk.letters

    def close(self) -> None:
        self.disk = Disk()


class SqlitePlace:
    """A file. Few leads are cached, so that the file is really read."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "baton.db"
        self._copies = 0
        self._open()

    def _open(self) -> None:
        self.database = Database(self.path, cached=8)
        self.log: Log = self.database.log
        self.store: Store = self.database.store

    def reopen(self, *, killed: bool = False) -> None:
        if killed:
            self._die()
        else:
            self.database.close()
        self._open()

    def _die(self) -> None:
        """Go on with the files as they are now, which is what a killed process leaves."""
        self._copies += 1
        survivor = self.path.with_name(f"after-{self._copies}.db")
        for ending in ("", "-wal"):
            source = self.path.with_name(self.path.name + ending)
            if source.exists():
                survivor.with_name(survivor.name + ending).write_bytes(source.read_bytes())
        self.database.close(in_order=False)
        self.path = survivor

    def recover(self) -> None:
        self.log, self.store = self.database.reopen()

    def break_disk(self) -> None:
        connection = self.database.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def mend_disk(self) -> None:
        self.database.connection.execute("PRAGMA max_page_count = 1000000")

    def decisions(self) -> Sequence[tuple[int, str, bytes]]:
        rows: list[Any] = self.database.connection.execute(
            "SELECT seq, lead, body FROM decisions ORDER BY seq"
        ).fetchall()
        return rows

    def letters(self) -> Sequence[bytes]:
        with SqliteReader(self.path) as reader:
            return [each.body for each in reader.dead_letters(0, 1_000)]

    def close(self) -> None:
        self.database.close()


class PostgresPlace:
    """A schema with one partition. Its log is Kafka; here, that of the plain model is beside it.

    Few leads are cached, so that the rows are really read.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._model = Disk()
        with open_session(url, "conformance") as session:
            prepare(session)
        self._open(None)

    def _open(self, mine: Claim | None) -> None:
        self.session = open_session(self.url, "conformance")
        found = resume(self.session, mine) if mine else claim(self.session, 0, "topic-1")
        # Kafka's log knows no repeats, and so none of an event that was unfit.
        unfit = Outgoing(self.session).unsent_letters(0, 1_000)
        self._model.forgotten = {each.record for each in unfit}
        self.log: Log = MemoryLog(self._model)
        self._store = PartitionStore(self.session, found, cached=8)
        self.store: Store = self._store

    def reopen(self, *, killed: bool = False) -> None:
        if killed:
            self._die()
        else:
            self.session.close()
        self._open(None)

    def _die(self) -> None:
        """What a killed process leaves: a connection that ends without a word."""
        self.session.connection.pgconn.finish()

    def recover(self) -> None:
        self._die()
        self._open(self._store.claim)

    def break_disk(self) -> None:
        self._model.broken = True
        self.session.connection.execute("SET default_transaction_read_only = on")

    def mend_disk(self) -> None:
        self._model.broken = False
        self.session.connection.execute("SET default_transaction_read_only = off")

    def decisions(self) -> Sequence[tuple[int, str, bytes]]:
        with self._beside() as session:
            return [
                (each.seq, each.lead, each.body) for each in Outgoing(session).unsent(0, 1_000_000)
            ]

    def letters(self) -> Sequence[bytes]:
        with self._beside() as session:
            kept = Outgoing(session).unsent_letters(0, 1_000)
        return [msgspec.json.decode(each.body, type=DeadLetter).original_bytes() for each in kept]

    def close(self) -> None:
        self.session.close()

    @contextmanager
    def _beside(self) -> Iterator[Session]:
        with open_session(self.url, "conformance") as session:
            yield session


PLACES: Final[dict[str, Callable[[Path], Place]]] = {
    "sqlite": SqlitePlace,
    "memory": MemoryPlace,
}
"""Those that are a folder's. Each has a log of its own; PostgreSQL has none."""
