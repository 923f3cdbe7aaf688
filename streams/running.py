"""The service in one process: an HTTP server in the main thread, the writer in a second one.

The order of a start: take the address, so that a port in use is told before anything
else is touched; open the store, which checks it and brings it to this version; put
the agreement in force; start the writer; answer requests. The order of a stop: take
no new connections and finish the requests that are there; let the writer append
and decide what it has; close the store. A second signal ends it at once, which harms
nothing: what was answered is on disk.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rules.agreement import Agreement
from rules.decisions import Decision
from streams.clock import LogClock, steady_s
from streams.http.app import create_app
from streams.http.news import News
from streams.http.server import Server, make_server
from streams.http.service import Access, Limits, Reader
from streams.listening import Stopping, bind
from streams.logs import log
from streams.settings import Listen, Settings
from streams.sqlite import integrity
from streams.sqlite.connect import open_reader
from streams.sqlite.database import Database
from streams.sqlite.reading import SqliteReader
from streams.storage import Accepted, Record, StorageError
from streams.writer import Writer

_POLL_S: Final = 0.005
_FOR_CLIENTS: Final = 0.6
"""The share of the time for stopping that clients have to take their answers."""


class NoAgreementError(Exception):
    """There is no agreement, neither given nor in the store."""


class Embedded:
    """The service as HTTP sees it: the writer beside it, and readers of the same file."""

    def __init__(self, writer: Writer, reader: Reader, news: News, start_at: datetime) -> None:
        self.reader = reader
        self.news = news
        self.health = writer.health
        self._writer = writer
        self._start_at = start_at

    @property
    def agreement(self) -> Agreement:
        """The agreement in force."""
        agreement = self._writer.agreement
        assert agreement is not None, "the service does not start without one"
        return agreement

    def now(self) -> datetime:
        """How far the log's time has been lived through; behind the present by a second at most."""
        return self._writer.health().now or self._start_at

    async def submit(self, events: Sequence[Accepted]) -> list[Record]:
        """Make events durable, all or none."""
        return await self._writer.submit(events)


@dataclass(frozen=True, slots=True)
class Running:
    """The service, once it answers."""

    url: str
    agreement: Agreement
    leads: int
    store: Path
    writer: Writer
    stopping: Stopping
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class Hooks:
    """What differs between the service and its demonstration."""

    ready: Callable[[Running], object]
    """Called once requests are answered."""
    told: Callable[[Sequence[Decision]], object] = lambda decisions: None
    """Called with decisions that have been committed, from the writer's thread."""
    clock: Callable[[datetime | None], LogClock] = LogClock
    """Makes the clock, given the log's newest stamp."""


class _Host:
    """Holds the parts of the one process together, and notes whether one of them failed."""

    def __init__(self, settings: Settings, hooks: Hooks, stopping: Stopping) -> None:
        self.settings, self.hooks, self.stopping = settings, hooks, stopping
        self.failed = False

    def run(self, agreement: tuple[bytes, Agreement] | None, sock: socket.socket) -> None:
        """The whole life of the service on an address that it has."""
        store = self.settings.store
        database = Database(store)
        whole = False
        try:
            clock = self.hooks.clock(database.log.newest_stamp())
            news = News()

            def told(decisions: Sequence[Decision]) -> None:
                news.tell()
                self.hooks.told(decisions)

            writer = Writer(database.reopen, clock, told=told)
            put_in_force(writer, agreement, store)
            with SqliteReader(store) as reader, self._watched(database):
                service = Embedded(writer, reader, news, clock.now())
                writer.start()
                server = self._server(service)
                since_s = [0.0]
                try:
                    self._serve(server, service, sock, reader, writer)
                finally:
                    whole = self._finish(writer)
        finally:
            database.close(in_order=whole and not self.failed)


