"""Reading a request's body: within its size, its time and what all bodies may take up together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import Message, Receive, Send

from streams.http.problems import PROBLEM_JSON, Failure
from streams.http.service import Limits

_LINGER_S: Final = 2.0
"""How long an answer given before the end of the body waits for the client to read it."""
_LONGEST_LENGTH: Final = 18
"""Digits of a Content-Length; a longer one is no number of bytes."""


class ClientLeft(Exception):  # noqa: N818 (nobody is left to be told of an error)
    """The client went away before its request was complete."""


class BodyReader:
    """Reads bodies, and keeps count of what is being held until it has been dealt with."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def reading(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """The whole body, of at most `most` bytes.

        Raises `Failure` (413, 408, 503), or `ClientLeft`.
        """
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _LONGEST_LENGTH or int(length) > most:
            raise _too_large(most)
        body = bytearray()
        try:
            await self._collect(body, request.receive, most)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _collect(self, body: bytearray, receive: Receive, most: int) -> None:
        try:
            async with asyncio.timeout(self._limits.body_s):
                await self._chunks(body, receive, most)
        except TimeoutError:
            raise Failure(
                HTTPStatus.REQUEST_TIMEOUT,
                "request_timeout",
                f"The body did not arrive within {self._limits.body_s:g} seconds; send it again, "
                "in smaller parts if the line is slow.",
            ) from None

    async def _chunks(self, body: bytearray, receive: Receive, most: int) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunk = message.get("body", b"")
            body += chunk
            self._held += len(chunk)
            if len(body) > most:
                raise _too_large(most)
            if self._held > self._limits.held_bytes:
                raise _too_much_at_once()
            more = message.get("more_body", False)


def _too_large(most: int) -> Failure:
    return Failure(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"The body takes more than {most} bytes; send a single event of at most 256 KiB, or "
        "batches of fewer events.",
    )


def _too_much_at_once() -> Failure:
    return Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "busy",
        "Too many large requests arrive at once; send this one again in a moment.",
        headers={"Retry-After": "2"},
    )


class Arriving:
    """`receive` of a request, which knows whether the whole request has arrived."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self.complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


async def answer_failure(failure: Failure, arriving: Arriving, send: Send) -> None:
    """Answer; while the body is still arriving, close the connection after it.

    A connection closed on bytes that nobody read is reset, and the client
    never sees the answer. So the answer goes out first, then what still
    comes is thrown away for a moment.
    """
    body = failure.body()
    headers = {
        **failure.headers,
        "content-type": PROBLEM_JSON,
        "content-length": str(len(body)),
    }
    if not arriving.complete:
        headers["connection"] = "close"
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": failure.status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while not arriving.complete:
                await arriving()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
