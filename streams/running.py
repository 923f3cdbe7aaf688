"""The service in one process: an HTTP server in the main thread, the writer in a second one.

The order of a start: take the address, so that a port in use is told before anything
else is touched; open the store, which checks it and brings it to this version; put
the agreement in force; start the writer; answer requests. The order of a stop: take
no new connections and finish the requests that are there; let the writer append
and decide what it has; close the store. A second signal ends it at once, which harms
nothing: what was answered is on disk.
"""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime
from types import FrameType
from typing import Final

import uvicorn

from rules.agreement import Agreement
from streams.clock import steady_s
from streams.http.news import News
from streams.http.service import Reader
from streams.logs import log
from streams.settings import Listen
from streams.storage import Accepted, Record
from streams.writer import Health, Writer

_BACKLOG: Final = 2_048
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_QUIT: Final = 128
"""Shells add a signal's number to this."""


class ListenError(Exception):
    """The address can't be listened on; the sentence says why and what to do."""


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


def bind(listen: Listen) -> socket.socket:
    """A socket at that address; `ListenError` if it can't be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listen.host, listen.port))
        sock.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        sock.close()
        raise ListenError(_why_not(listen, error)) from error
    return sock


def _why_not(listen: Listen, error: OSError | UnicodeError) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return (
            f"Another program listens on {listen} already, perhaps another `baton up`. Stop it, or "
            f"set BATON_LISTEN to another port, such as {Listen(listen.host, listen.port + 1)}."
        )
    if code == errno.EACCES:
        return f"This user may not listen on {listen}. Set BATON_LISTEN to a port above 1023."
    if code == errno.EADDRNOTAVAIL:
        return f"{listen.host} is no address of this machine. Set BATON_LISTEN to one that is."
    why = getattr(error, "strerror", None) or str(error)
    return f"The service can't listen on {listen}: {why}. Set BATON_LISTEN to another address."


class Stopping:
    """Signals: the first asks for a graceful stop, the second ends the process at once."""

    def __init__(self) -> None:
        self.asked = False
        self._server: uvicorn.Server | None = None
        self._news: News | None = None

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the signals inside; in the main thread only."""
        before = {each: signal.signal(each, self._ask) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def tell(self, server: uvicorn.Server, news: News) -> None:
        """Whom to tell, from now on."""
        self._server, self._news = server, news
        if self.asked:
            self.ask()

    def ask(self) -> None:
        """Stop gracefully."""
        self.asked = True
        if self._server is not None and self._news is not None:
            self._server.should_exit = True
            self._news.end()

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            os._exit(_QUIT + number)
        self.ask()


class Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals to `Stopping`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: somebody else does."""
        yield


def finish(writer: Writer, stop_s: float, since_s: float) -> bool:
    """Let the writer end within what is left of `stop_s`; whether it managed to."""
    left_s = max(0.1, stop_s - (steady_s() - since_s))
    managed = writer.stop(left_s)
    if managed:
        log().info("stopped")
    else:
        log().warning("stopped_late", behind=writer.health().behind)
    return managed
