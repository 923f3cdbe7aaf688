"""The address that the service listens on, and the signals that end it."""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from streams.settings import Listen

_BACKLOG: Final = 1_024
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_QUIT: Final = 128
"""Shells add a signal's number to this."""


class ListenError(Exception):
    """The address can't be listened on; the sentence says why and what to do."""


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
    """Signals: the first asks for a graceful stop, the second ends the process at once.

    Ending at once harms nothing: what was answered is on disk.
    """

    def __init__(self) -> None:
        self.asked = False
        self._stop: Callable[[], object] | None = None

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the signals inside; in the main thread only."""
        before = {each: signal.signal(each, self._hear) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def call(self, stop: Callable[[], object]) -> None:
        """What to call when asked; at once if that was before now."""
        self._stop = stop
        if self.asked:
            stop()

    def ask(self) -> None:
        """Stop gracefully. From any thread."""
        self.asked = True
        if self._stop is not None:
            self._stop()

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            os._exit(_QUIT + number)
        self.ask()
