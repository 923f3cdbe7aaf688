"""The server: uvicorn, with patience that ends.

uvicorn waits for ever for the head of a request and sets no bound to it, and for
ever for a client to read its answer; a few hundred connections that say nothing,
or listen to nothing, would leave no room for anyone else.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from streams.http.problems import PROBLEM_JSON, SEALS, Failure
from streams.http.service import Limits
from streams.logs import log


class PatientProtocol(HttpToolsProtocol):
    """One connection: a head must come in time and be of a bearable size, an answer be taken."""

    limits: ClassVar[Limits] = Limits()
    _timer: asyncio.TimerHandle | None = None
    _head_bytes: int | None = 0
    """Of the head that is arriving; None while none is."""
    _taking: asyncio.TimerHandle | None = None
    """Runs while more has been sent than was taken, or nothing more will be."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection, or say that there is none."""
        self._unanswered: deque[RequestResponseCycle] = deque()
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(
                Failure(
                    503,
                    "busy",
                    "Too many connections are open; come back in a moment.",
                    headers={"Retry-After": "2"},
                )
            )
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and let all its requests know; uvicorn tells the last alone."""
        self._stop_waiting()
        self._taken()
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Look at the head's size before it is parsed."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            # A chunk may bring the body's beginning too: it is let through once.
            if self._head_bytes - len(data) > self.limits.head_bytes:
                self._refuse(
                    Failure(
                        431,
                        "head_too_large",
                        f"The request's head takes more than {self.limits.head_bytes} bytes; send "
                        "fewer or shorter headers.",
                    )
                )
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_waiting()
        self._head_bytes = None
        super().on_headers_complete()
        self._unanswered.append(self.cycle)

    def on_response_complete(self) -> None:
        """The whole answer has been sent; on a connection that goes on, keep-alive has its end."""
        self._unanswered.popleft()
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_taking()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has come for a while."""
        self._let_go()
        super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """More has been sent than the client has taken."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """The client has taken what was too much."""
        super().resume_writing()
        self._taken()
        if self.transport.is_closing():
            self._await_taking()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is answered that can't be taken."""
        self._refuse(Failure(400, "unreadable_request", f"{msg} Send HTTP/1.1."))

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.limits.head_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _await_taking(self) -> None:
        self._taken()
        self._taking = self.loop.call_later(self.limits.idle_s, self._let_go)

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _let_go(self) -> None:
        # Closing would wait until all has been taken, which may be never.
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _give_up(self) -> None:
        if self._head_bytes:
            detail = f"The request's head did not arrive within {self.limits.head_s:g} seconds."
            self._refuse(Failure(408, "request_timeout", detail))
        else:
            self.transport.close()

    def _refuse(self, failure: Failure) -> None:
        """Answer without the application, and close."""
        self._stop_waiting()
        body = failure.body()
        headers = {
            **SEALS,
            **failure.headers,
            "content-type": PROBLEM_JSON,
            "content-length": str(len(body)),
            "connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        status = STATUS_LINE[failure.status]
        self.transport.write(b"".join([status, head.encode(), b"\r\n", body]))
        self.transport.close()
        self._await_taking()


def server_config(
    app: ASGIApp, limits: Limits, *, host: str = "127.0.0.1", port: int = 8080, stop_s: float = 10.0
) -> uvicorn.Config:
    """How uvicorn is to serve `app`; it takes `stop_s` seconds (rounded) at most to stop.

    Whoever stops it ends `News` too: those who follow decisions leave then.
    """
    protocol = type("Protocol", (PatientProtocol,), {"limits": limits})
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.idle_s,  # type: ignore[arg-type]  # any seconds will do
        timeout_graceful_shutdown=max(1, round(stop_s)),
    )


class GracefulServer(uvicorn.Server):
    """uvicorn's server with its own handling of signals left out: `streams.listening` sees to them.

    When it stops, clients have `clients_s` seconds to send what they began and
    to take their answers.
    """

    def __init__(self, config: uvicorn.Config, clients_s: float) -> None:
        super().__init__(config)
        self._clients_s = clients_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, and stop."""
        log().info("stopping")
        patience = asyncio.get_running_loop().call_later(self._clients_s, self._drop_clients)
        try:
            await super().shutdown(sockets)
        finally:
            patience.cancel()

    def _drop_clients(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
