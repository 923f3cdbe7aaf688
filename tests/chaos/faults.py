"""Faults at the boundary of log and store: the process dies there, or the storage fails.

A fault comes before a call, when nothing of it is kept, or after it, when all
of it is; what fails after it was kept is the case of a disk that reports an
error too late. After any error, using the same log or store again without
reopening them is a violation.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Literal

from rules.events import Event
from rules.lead.state import Lead
from rules.router.state import RouterState
from streams.storage import Accepted, Commit, Log, Record, StorageError, Store

Kind = Literal["crash", "error"]


class Crash(BaseException):
    """The process dies here."""


class Faults:
    """Which boundary, counted from now, is the next at which something goes wrong."""

    def __init__(self, draw: Random, note: Callable[[str], None]) -> None:
        self._draw, self._note = draw, note
        self._kind: Kind | None = None
        self._left = 0
        self._again = 0.0
        self._suspended = False

    def arm(self, kind: Kind, boundaries: int, again: float = 0.0) -> None:
        """Let the `boundaries`-th boundary from here fail, and with probability `again` more."""
        self._kind, self._left, self._again = kind, boundaries, again

    def disarm(self) -> None:
        """Nothing goes wrong any more."""
        self._kind = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The simulation itself looks at something."""
        self._suspended = True
        try:
            yield
        finally:
            self._suspended = False

    def boundary(self, where: str) -> None:
        """Somebody crosses a boundary."""
        if self._kind is None or self._suspended:
            return
        self._left -= 1
        if self._left > 0:
            return
        kind, self._kind = self._kind, None
        if self._draw.random() < self._again:
            self.arm(kind, self._draw.randint(1, 4), self._again)
        self._note(f"{kind} {where}")
        if kind == "crash":
            raise Crash(where)
        raise StorageError(f"Simulated failure {where}.")


class Handle:
    """Whether one opening of log and store may still be used."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._failed = False

    def check(self) -> None:
        """Somebody uses it."""
        assert not self._failed, "log or store used again after an error, without being reopened"

    def before(self, where: str) -> None:
        """Before a call of the log or the store."""
        self.check()
        self._cross(f"before {where}")

    def after(self, where: str) -> None:
        """After a call, of which everything is kept."""
        self._cross(f"after {where}")

    def _cross(self, where: str) -> None:
        try:
            self._faults.boundary(where)
        except StorageError:
            self._failed = True
            raise


class FaultyLog:
    """A log with boundaries."""

    def __init__(self, log: Log, handle: Handle) -> None:
        self._log, self._handle = log, handle

    def append(self, events: Sequence[Accepted], now: datetime) -> list[Record]:
        """See `streams.storage.Log`."""
        self._handle.before("append")
        records = self._log.append(events, now)
        self._handle.after("append")
        return records

    def activate(self, digest: str, now: datetime) -> Record:
        """See `streams.storage.Log`."""
        self._handle.before("activate")
        record = self._log.activate(digest, now)
        self._handle.after("activate")
        return record

    def read(self, after: int, limit: int) -> list[Record]:
        """See `streams.storage.Log`."""
        self._handle.before("read")
        return self._log.read(after, limit)

    def newest_stamp(self) -> datetime | None:
        """See `streams.storage.Log`."""
        return self._log.newest_stamp()


class FaultyStore:
    """A store with boundaries. `committing` looks at every commit before it is made."""

    def __init__(self, store: Store, handle: Handle, committing: Callable[[Commit], None]) -> None:
        self._store, self._handle, self._committing = store, handle, committing

    def position(self) -> tuple[int, datetime | None, str | None]:
        """See `streams.storage.Store`."""
        return self._store.position()

    def lead(self, lead_id: str) -> Lead | None:
        """See `streams.storage.Store`."""
        self._handle.before("lead")
        return self._store.lead(lead_id)

    def expect(self, events: Sequence[Event]) -> None:
        """See `streams.storage.Store`."""
        self._handle.before("prefetch")
        self._store.expect(events)

    def repeats(self, event: Event, now: datetime) -> bool:
        """See `streams.storage.Store`."""
        return self._store.repeats(event, now)

    def prefetch(self, lead_ids: Iterable[str]) -> None:
        """See `streams.storage.Store`."""
        self._handle.before("prefetch")
        self._store.prefetch(lead_ids)

    def due(self, after: tuple[datetime, str] | None, limit: int) -> list[tuple[datetime, str]]:
        """See `streams.storage.Store`."""
        self._handle.before("due")
        return self._store.due(after, limit)

    def router(self) -> RouterState:
        """See `streams.storage.Store`."""
        return self._store.router()

    def commit(self, work: Commit) -> None:
        """See `streams.storage.Store`."""
        self._committing(work)
        self._handle.before("commit")
        self._store.commit(work)
        self._handle.after("commit")

    def agreement(self, digest: str) -> bytes | None:
        """See `streams.storage.Store`."""
        return self._store.agreement(digest)

    def keep_agreement(self, digest: str, text: bytes) -> None:
        """See `streams.storage.Store`."""
        self._handle.before("keep_agreement")
        self._store.keep_agreement(digest, text)
        self._handle.after("keep_agreement")
