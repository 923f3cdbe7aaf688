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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from rules.agreement import Agreement
from rules.decisions import Decision
from streams.clock import LogClock, steady_s
from streams.http.app import create_app
from streams.http.news import News
from streams.http.server import GracefulServer, server_config
from streams.http.service import Access, Limits, Reader
from streams.listening import Stopping, bind
from streams.logs import log
from streams.pauses import Pauses
from streams.refusal_counts import RefusalCounts
from streams.settings import Listen, Settings
from streams.sqlite import integrity
from streams.sqlite.connect import FileLock, open_reader
from streams.sqlite.database import Database
from streams.sqlite.failures import failures
from streams.sqlite.reading import SqliteReader
from streams.sqlite.tending import Tending
from streams.storage import Accepted, Record, StorageError
from streams.writer import Writer

_POLL_S: Final = 0.005
_FOR_CLIENTS: Final = 0.6
"""The share of the time for stopping that clients have to take their answers."""
_DROPPED_S: Final = 1.0
"""How long after that the server would see to it by itself, which makes a fuss in the log."""


class NoAgreementError(Exception):
    """There is no agreement, neither given nor in the store."""


class Embedded:
    """The service as HTTP sees it: the writer beside it, and readers of the same file."""

    def __init__(self, writer: Writer, reader: Reader, news: News) -> None:
        self.reader = reader
        self.news = news
        self.health = writer.health
        self._writer = writer

    @property
    def agreement(self) -> Agreement:
        """The agreement in force."""
        agreement = self._writer.agreement
        assert agreement is not None, "the service does not start without one"
        return agreement

    def now(self) -> datetime:
        """The log's time; behind the present by a second at most."""
        return self._writer.present

    def check_room(self, events: int) -> None:
        """Raise `Busy` or `StorageError` if so many events would not be taken now."""
        self._writer.check_room(events)

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
    fresh: bool = False
    """Begin with an empty store: what was there is removed."""


def run(settings: Settings, agreement: tuple[bytes, Agreement] | None, hooks: Hooks) -> bool:
    """Run the service until it is told to stop; whether nothing failed.

    `agreement`, its text and what was read from it, is put in force; with None
    the one that is goes on. Raises `ListenError`, `StorageError` or
    `NoAgreementError` when it can't start. In the main thread only.
    """
    stopping = Stopping()
    with stopping.heard(), contextlib.closing(bind(settings.listen)) as sock:
        if hooks.fresh:
            remove(settings.store)
        database = Database(settings.store)
        host = _Host(settings, hooks, stopping, database)
        try:
            host.run(agreement, sock)
        finally:
            # A writer that is at work still keeps its connection; the system closes it in a moment.
            if not host.writer_left:
                database.close(in_order=not host.failed)
    return not host.failed


def remove(store: Path) -> None:
    """Remove a store that nothing is at work on; `StorageError` if something is."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(store), failures("remove", store):
        for ending in ("", "-wal", "-shm"):
            store.with_name(store.name + ending).unlink(missing_ok=True)


class _Host:
    """Holds the parts of the one process together, and notes whether one of them failed."""

    def __init__(
        self, settings: Settings, hooks: Hooks, stopping: Stopping, database: Database
    ) -> None:
        self._settings, self._hooks = settings, hooks
        self._stopping, self._database = stopping, database
        self.failed = False
        self.writer_left = False

    def run(self, agreement: tuple[bytes, Agreement] | None, sock: socket.socket) -> None:
        """Everything between the store's opening and its closing."""
        database, store = self._database, self._settings.store
        clock, news = self._hooks.clock(database.log.newest_stamp()), News()

        def told(decisions: Sequence[Decision]) -> None:
            news.tell()
            self._hooks.told(decisions)

        retention = Tending(database, timedelta(days=self._settings.retention_days))
        pauses = Pauses()

        def tend(now: datetime) -> None:
            retention(now)
            pauses()

        writer = Writer(database.reopen, clock, told=told, tend=tend)
        _put_in_force(writer, agreement, store)
        with SqliteReader(store) as reader, self._failures_heard():
            service = Embedded(writer, reader, news)
            writer.start()
            if database.check_beside:
                threading.Thread(target=self._check, name="check", daemon=True).start()
            asked_s = [steady_s()]
            try:
                self._serve(service, writer, sock, reader.lead_count(), asked_s)
            finally:
                self._finish(writer, asked_s[0])

    def _serve(
        self, service: Embedded, writer: Writer, sock: socket.socket, leads: int,
        asked_s: list[float],
    ) -> None:  # fmt: skip
        """Answer requests until somebody asks to stop; `asked_s` is when that was."""
        settings = self._settings
        bound = Listen(settings.listen.host, sock.getsockname()[1])
        app = RefusalCounts(create_app(service, access(settings), Limits()))
        clients_s = settings.stop_s * _FOR_CLIENTS
        config = server_config(
            app, Limits(), host=bound.host, port=bound.port, stop_s=clients_s + _DROPPED_S
        )
        server = GracefulServer(config, clients_s)

        def stop() -> None:
            asked_s[0] = steady_s()
            server.should_exit = True
            service.news.end()

        async def serve() -> None:
            self._stopping.call(stop)
            loop = asyncio.get_running_loop()
            telling = loop.create_task(app.tell_now_and_then())
            serving = loop.create_task(server.serve(sockets=[sock]))
            while not server.started and not serving.done():
                await asyncio.sleep(_POLL_S)
            if server.started:
                url = bound.url()
                self._hooks.ready(
                    Running(
                        url, service.agreement, leads, settings.store, writer, self._stopping, loop
                    )
                )
            await serving
            telling.cancel()

        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(serve())

    def _finish(self, writer: Writer, asked_s: float) -> None:
        """Let the writer end within what is left of the time."""
        left_s = max(0.1, self._settings.stop_s - (steady_s() - asked_s))
        self.writer_left = not writer.stop(left_s)
        if self.writer_left:
            log().warning("stopped_late", behind=writer.health().behind)
        else:
            log().info("stopped")

    def _check(self) -> None:
        """Look through a large file beside the service; end the service if it is damaged."""
        store = self._settings.store
        try:
            with contextlib.closing(open_reader(store)) as connection:
                integrity.check(connection, store)
        except StorageError as error:
            log().error("storage_failed", problem=str(error))
            self.failed = True
            self._stopping.ask()

    @contextlib.contextmanager
    def _failures_heard(self) -> Iterator[None]:
        """An error that nobody expected, in a thread of ours, is logged and ends the service."""

        def hear(args: threading.ExceptHookArgs) -> None:
            error = args.exc_value
            log().error("failed", exc_info=error, thread=args.thread and args.thread.name)
            self.failed = True
            self._stopping.ask()

        before, threading.excepthook = threading.excepthook, hear
        try:
            yield
        finally:
            threading.excepthook = before


def access(settings: Settings) -> Access:
    """Who may ask: beyond loopback whoever bears the token, on it whoever uses a known name."""
    token = settings.token.get_secret_value() if settings.token is not None else None
    if settings.listen.loopback or settings.hosts:
        return Access(token, (*settings.hosts, settings.listen.host))
    return Access(token, None)


def _put_in_force(writer: Writer, agreement: tuple[bytes, Agreement] | None, store: Path) -> None:
    was = writer.agreement
    if agreement is not None:
        text, new = agreement
        writer.activate(text, new.digest)
        if was is None or was.digest != new.digest:
            log().info("agreement_activated", agreement=new.source, digest=new.digest[:12])
    elif was is None:
        raise NoAgreementError(
            f"{store} holds no agreement yet. Name its file with --agreement or BATON_AGREEMENT."
        )
