"""`GET /decisions`: what was decided, page by page or as it happens (contract, sections 3 and 5).

Every decision has a number, which grows. A page says after which number to go
on; as server-sent events the number is the event's id, so that a client which
was cut off goes on where it was (`Last-Event-ID`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from streams.http.problems import Failure
from streams.http.reading import Reads
from streams.http.service import Limits, Service

MOST_DECISIONS: Final = 1_000
LAST_NUMBER: Final = 2**63 - 1
EVENT_STREAM: Final = "text/event-stream"
_STREAM_PAGE: Final = 200
"""Decisions that a stream holds at once; a client that reads slowly is read for slowly."""
_GATHER_S: Final = 0.1
"""How long what is new is gathered: under load, a read for every commit would be too many."""

Number = Annotated[int, Query(ge=0, le=LAST_NUMBER, description="The number to go on after.")]


class Page(msgspec.Struct, frozen=True):
    """Decisions in the order in which they were made; `next` is the `after` of those to come."""

    decisions: Sequence[msgspec.Raw]
    next: int
    more: bool
    """Whether there are some already."""


class Follower:
    """Follows decisions for any number of clients, each from where it wants to begin."""

    def __init__(self, service: Service, limits: Limits, reads: Reads) -> None:
        self._service = service
        self._limits = limits
        self._reads = reads
        self._streams = 0

    def stream(self, after: int, lead: str | None) -> EventSourceResponse:
        """Decisions after `after` and then those to come, as server-sent events."""
        if self._streams >= self._limits.streams:
            raise Failure(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "busy",
                f"{self._streams} clients follow the decisions already; come back later, or read "
                "page by page.",
                headers={"Retry-After": "30"},
            )
        # A client that does not read is let go by the server (`Limits.idle_s`).
        return EventSourceResponse(self._follow(after, lead), ping=self._limits.heartbeat_s)

    async def _follow(self, after: int, lead: str | None) -> AsyncIterator[ServerSentEvent]:
        self._streams += 1
        news = self._service.news
        try:
            while not news.ended:
                # Read first, looked at afterwards: what is decided in between is not missed.
                edition = news.edition
                found = await self._reads(self._service.reader.decisions, after, _STREAM_PAGE, lead)
                for after, decision in found:
                    yield ServerSentEvent(data=decision.decode(), id=str(after))
                if len(found) < _STREAM_PAGE and await news.beyond(
                    edition, self._limits.heartbeat_s
                ):
                    await asyncio.sleep(_GATHER_S)
        finally:
            self._streams -= 1


def decisions_router(service: Service, limits: Limits, reads: Reads) -> APIRouter:
    """The routes of decisions."""
    router = APIRouter(tags=["decisions"])
    follower = Follower(service, limits, reads)

    @router.get(
        "/decisions",
        operation_id="list_decisions",
        summary="Decisions, page by page or as they happen",
        response_class=Response,
        responses={200: _OK},
    )
    async def page(
        after: Number = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_DECISIONS)] = 100,
        lead: Annotated[str | None, Query(description="Those about this lead alone.")] = None,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
        last_event_id: Annotated[
            str | None, Header(description="Of a stream: the `id` of the last event received.")
        ] = None,
    ) -> Response:
        if EVENT_STREAM in accept.lower():
            return follower.stream(_resumed(last_event_id, after), lead)
        # One more than asked for tells whether there are more.
        found = await reads(service.reader.decisions, after, limit + 1, lead)
        shown = found[:limit]
        body = Page(
            [msgspec.Raw(decision) for _, decision in shown],
            shown[-1][0] if shown else after,
            len(found) > limit,
        )
        return Response(msgspec.json.encode(body), media_type="application/json")

    return router


_OK: Final[dict[str, Any]] = {
    "description": "Decisions, oldest first. Asked for as `text/event-stream`, the answer never "
    "ends: each event's `data` is a decision and its `id` the decision's number.",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/DecisionsPage"}},
        EVENT_STREAM: {"schema": {"type": "string"}},
    },
}


def _resumed(last_event_id: str | None, after: int) -> int:
    """Where a stream begins: behind what a client that was cut off has received."""
    if last_event_id is None or not last_event_id.isdecimal() or not last_event_id.isascii():
        return after
    return min(int(last_event_id[:19]), LAST_NUMBER)
