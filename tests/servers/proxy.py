"""A TCP proxy on loopback that breaks connections in the ways that networks do.

It runs in a thread of its own, so that a test can use blocking clients. What the client sends
always goes on to the server; answers can be held back, connections cut, new ones refused:

    with Proxy(postgres.port) as proxy:
        proxy.hold_answers(after=b"COMMIT")
        ...                            # the client commits
        proxy.await_held_answer()      # the server has answered: the commit is done
        proxy.cut()                    # and the client will never know
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tests.servers.loopback import HOST, free_port

CHUNK_BYTES: Final = 64 * 1024
CALL_S: Final = 10.0
NO_LINGER: Final = struct.pack("ii", 1, 0)

_T = TypeVar("_T")


class Proxy:
    """Between clients and the server at `to_port`; it listens from `start()` to `close()`."""

    def __init__(self, to_port: int, *, port: int | None = None) -> None:
        self.to_port: Final = to_port
        self.port: Final = free_port() if port is None else port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listening: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._is_held = False
        self._held_after: bytes | None = None
        self._has_held = threading.Event()

    @property
    def address(self) -> str:
        """Where clients call: host:port."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Accept connections.

        Raises OSError if somebody else has the port.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True
        )
        self._thread.start()
        try:
            self.accept()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Cut all connections and end; harmless if it doesn't run."""
        if self._loop is None or self._thread is None:
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()
        self._loop = None

    def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Accept new connections (again)."""
        self._call(self._accept())

    def cut(self) -> int:
        """Reset all connections, on both sides; answers that were held are lost.

        Returns how many there were. New connections are accepted and not held.
        """
        return self._call(self._cut())

    def hold_answers(self, *, after: bytes | None = None) -> None:
        """Hold back what the server sends from now on.

        With `after`, on each connection only from when its client has sent these bytes.
        """
        self._call(self._hold(after))

    def await_held_answer(self, within_s: float = CALL_S) -> None:
        """Wait until an answer is being held back.

        Raises TimeoutError if that doesn't happen within the time.
        """
        if not self._has_held.wait(within_s):
            raise TimeoutError(f"no answer to hold back within {within_s:g} s")

    def release_answers(self) -> None:
        """Send what was held, and hold no more."""
        self._call(self._release())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        assert self._loop is not None, "not started"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    async def _accept(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._connected, HOST, self.port)

    async def _refuse(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    async def _cut(self) -> int:
        connections = list(self._connections)
        self._let_go()
        for connection in connections:
            connection.cut()
        await asyncio.gather(*(each.ended.wait() for each in connections))
        return len(connections)

    async def _hold(self, after: bytes | None) -> None:
        self._is_held = True
        self._held_after = after
        self._has_held.clear()
        for connection in self._connections:
            connection.hold(after)

    async def _release(self) -> None:
        for connection in self._connections:
            connection.release()
        self._let_go()

    async def _close(self) -> None:
        await self._refuse()
        await self._cut()

    def _let_go(self) -> None:
        self._is_held = False
        self._has_held.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._has_held, writer)
        if self._is_held:
            connection.hold(self._held_after)
        self._connections.add(connection)
        try:
            await connection.serve(reader, self.to_port)
        finally:
            self._connections.discard(connection)


class _Connection:
    """One client and the server that it was connected to; lives in the proxy's thread."""

    def __init__(self, has_held: threading.Event, client: asyncio.StreamWriter) -> None:
        self.ended: Final = asyncio.Event()
        self._has_held: Final = has_held
        self._client: Final = client
        self._server: asyncio.StreamWriter | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._free = asyncio.Event()
        self._free.set()
        self._awaited: bytes = b""
        self._sent = b""
        self._is_cut = False

    def hold(self, after: bytes | None) -> None:
        """Hold answers from now on, or from when the client has sent these bytes."""
        self._awaited = after or b""
        self._sent = b""
        if self._awaited:
            self._free.set()
        else:
            self._free.clear()

    def release(self) -> None:
        """Hold nothing any more."""
        self._awaited = b""
        self._free.set()

    def cut(self) -> None:
        """Reset both sides; what was not sent is lost."""
        self._is_cut = True
        for pump in self._pumps:
            pump.cancel()
        for side in (self._client, self._server):
            if side is not None:
                # Without lingering the kernel says "reset", not "end": nothing is delivered late.
                side.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER
                )
                side.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, to_port: int) -> None:
        """Carry bytes both ways until either side ends or it is cut."""
        try:
            answers, self._server = await asyncio.open_connection(HOST, to_port)
            if self._is_cut:
                return
            self._pumps = [
                asyncio.create_task(self._carry_requests(reader, self._server)),
                asyncio.create_task(self._carry_answers(answers)),
            ]
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # the server is not there: the client sees its connection end
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
            for side in (self._client, self._server):
                if side is not None:
                    side.close()
            self.ended.set()

    async def _carry_requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            self._look_for_awaited(chunk)
            server.write(chunk)
            await server.drain()

    async def _carry_answers(self, answers: asyncio.StreamReader) -> None:
        while chunk := await answers.read(CHUNK_BYTES):
            if not self._free.is_set():
                self._has_held.set()
                await self._free.wait()
            self._client.write(chunk)
            await self._client.drain()

    def _look_for_awaited(self, chunk: bytes) -> None:
        if not self._awaited:
            return
        seen = self._sent + chunk
        if self._awaited in seen:
            self._awaited = b""
            self._free.clear()  # before the request goes on: its answer can't slip through
        # The bytes may come in two pieces: keep what may be their beginning.
        self._sent = seen[-len(self._awaited) + 1 :] if len(self._awaited) > 1 else b""
