"""`POST /events`: all events of a request become durable, or none (contract, sections 1, 5)."""

import asyncio
import json
import math
from datetime import datetime
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from rules.admission import admit
from rules.agreement import Agreement
from streams.codec import MAX_AHEAD, decode
from streams.envelope_faults import MAX_NAME, ahead
from streams.http.binding import BATCHED, Batch, Mode, batch, binary, mode_of, without_stamp
from streams.http.body import Arriving, BodyReader, ClientLeft, answer_failure
from streams.http.problems import Failure, RefusedEvent, refused_event, refused_events
from streams.http.service import Limits, Service
from streams.refusals import MAX_BYTES, Refusal
from streams.storage import Accepted, OutcomeUnknownError, StorageError
from streams.writer import Busy

_AT_ONCE: Final = 50
"""Events decoded before others get their turn on the event loop: about half a millisecond."""
_STORAGE_RETRY_S: Final = 5


class Stored(msgspec.Struct, frozen=True):
    """The answer: how many events were new, and how many were known and changed nothing."""

    accepted: int
    duplicates: int


class Intake:
    """The ASGI application of `POST /events`."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits
        self._bodies = BodyReader(limits)
        # Two large batches at once would take no less time, and everybody else would wait for both.
        self._one_batch = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        arriving = Arriving(receive)
        request = Request(scope, arriving)
        try:
            mode = mode_of(request.headers)
            most = self._limits.batch_bytes if mode is Mode.BATCHED else MAX_BYTES
            async with self._bodies.reading(request, most) as body:
                stored = await self._take(mode, request, body)
        except ClientLeft:
            return
        except Failure as failure:
            await answer_failure(failure, arriving, send)
            return
        await _answer(stored, send)

    async def _take(self, mode: Mode, request: Request, body: bytes) -> Stored:
        found = self._events(mode, request, body)
        if len(found.events) <= _AT_ONCE:
            return await self._stored(found)
        async with self._one_batch:
            return await self._stored(found)

    async def _stored(self, found: Batch) -> Stored:
        try:
            # Before they are read: what will not be taken is to cost as little as possible.
            self._service.check_room(len(found.events))
            events = await self._accepted(found)
            records = await self._service.submit(events) if events else []
        except Busy as busy:
            raise Failure(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "busy",
                "More is waiting than the service can take in now, and nothing of this request "
                "was stored; send it again in a moment.",
                headers={"Retry-After": str(max(1, math.ceil(busy.retry_after_s)))},
            ) from None
        except OutcomeUnknownError as error:
            raise Failure(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "storage_failed",
                f"{error} It is not known what of this request was stored; send it again as it is: "
                "events that are known change nothing.",
                headers={"Retry-After": str(_STORAGE_RETRY_S)},
            ) from None
        except StorageError as error:
            raise Failure(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "storage_failed",
                f"{error} Nothing of this request was stored; send it again later.",
                headers={"Retry-After": str(_STORAGE_RETRY_S)},
            ) from None
        return Stored(len(records), len(events) - len(records))

    def _events(self, mode: Mode, request: Request, body: bytes) -> Batch:
        """The bytes of each event of the request."""
        if mode is Mode.STRUCTURED:
            return Batch((body,))
        if mode is Mode.BINARY:
            event = binary(request.headers, body)
            if isinstance(event, Refusal):
                raise refused_events([refused_event(0, request.headers.get("ce-id"), event)])
            return Batch((event,))
        found = batch(body)
        if len(found.events) > self._limits.events:
            raise Failure(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_many_events",
                f"The batch holds {len(found.events)} events; send at most {self._limits.events} "
                f"as one {BATCHED}.",
            )
        return found

    async def _accepted(self, found: Batch) -> list[Accepted]:
        """Decode and admit all events; raises `Failure` that names each that can't be taken."""
        accepted: list[Accepted] = []
        refused: list[RefusedEvent] = []
        agreement, now = self._service.agreement, self._service.now()
        for index, raw in enumerate(found.events):
            body = without_stamp(bytes(raw))
            taken = _judged(agreement, now, index, body)
            if isinstance(taken, Accepted):
                accepted.append(taken)
            else:
                refused.append(taken)
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        if refused:
            raise refused_events(refused)
        if found.broken is not None:
            raise Failure(HTTPStatus.BAD_REQUEST, found.broken.reason, found.broken.sentence)
        return accepted


def _judged(
    agreement: Agreement, now: datetime, index: int, body: bytes
) -> Accepted | RefusedEvent:
    event = decode(body)
    if isinstance(event, Refusal):
        return refused_event(index, _id(body), event)
    refusal = admit(agreement, event)
    if refusal is not None:
        return refused_event(index, event.id, refusal)
    if event.time_at - now > MAX_AHEAD:
        fault = ahead(event.time_at.isoformat(), now.isoformat(timespec="seconds"))
        return refused_event(index, event.id, fault)
    return Accepted(event, body)


def _id(body: bytes) -> str | None:
    """What a refused event calls itself, if that much of it can be read."""
    if len(body) > MAX_BYTES:
        return None
    try:
        # The tolerant reader of the standard library: it reads NaN and the like.
        event = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    name = event.get("id") if isinstance(event, dict) else None
    if not isinstance(name, str):
        return None
    return name[:MAX_NAME].encode("utf-8", "replace").decode()


async def _answer(stored: Stored, send: Send) -> None:
    body = msgspec.json.encode(stored)
    await send(
        {
            "type": "http.response.start",
            "status": HTTPStatus.ACCEPTED.value,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
