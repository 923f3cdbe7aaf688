"""Problem documents (RFC 9457): what every answer is that is not a success.

`type` is `urn:baton:problem:` and a closed code; where events were refused, it is
the first one's reason, the same that dead letters carry (contract, section 1).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, Literal

import msgspec
from starlette.responses import Response

from rules.admission import Refused
from streams.refusals import Reason, Refusal

PROBLEM_JSON: Final = "application/problem+json"
SEALS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every answer carries for browsers: by the `Gate`, or by itself where it goes around it."""
MOST_TOLD: Final = 100
"""Refused events that one document names; the others are counted."""

Code = Literal[
    "unreadable_request",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "request_timeout",
    "too_large",
    "too_many_events",
    "unsupported_media_type",
    "wrong_host",
    "invalid_parameter",
    "head_too_large",
    "busy",
    "storage_failed",
    "not_ready",
    "internal",
]
TITLES: Final[dict[str, str]] = {
    "unreadable_request": "The request is not HTTP as it should be",
    "unauthorized": "A token is needed",
    "not_found": "There is nothing here",
    "method_not_allowed": "This can't be done here",
    "request_timeout": "The request took too long to arrive",
    "too_large": "The request is too large",
    "too_many_events": "The batch holds too many events",
    "unsupported_media_type": "The content type can't be read",
    "wrong_host": "The service is not known by this name",
    "invalid_parameter": "A parameter can't be used",
    "head_too_large": "The request's head is too large",
    "busy": "Too much is waiting",
    "storage_failed": "The storage failed",
    "not_ready": "The service is not ready",
    "internal": "The service made a mistake",
}
REFUSED_TITLE: Final = "Events were refused, and nothing of the request was stored"


class RefusedEvent(msgspec.Struct, frozen=True):
    """One event that was not taken: its place in the request from 0, and why not."""

    index: int
    id: str | None
    reason: Reason
    sentence: str
    field: str | None


class RefusedParameter(msgspec.Struct, frozen=True):
    """One parameter that can't be used."""

    parameter: str
    sentence: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document. `refused` counts the refused events, of which `events` names the first."""

    type: str
    title: str
    status: int
    detail: str
    refused: int = 0
    events: Sequence[RefusedEvent] = ()
    parameters: Sequence[RefusedParameter] = ()


class Failure(Exception):  # noqa: N818 (it is an answer)
    """Ends the handling of a request with a problem document."""

    def __init__(
        self,
        status: int,
        code: Code | Reason,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        events: Sequence[RefusedEvent] = (),
        parameters: Sequence[RefusedParameter] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.problem = Problem(
            type=f"urn:baton:problem:{code}",
            title=REFUSED_TITLE if events else TITLES.get(code, REFUSED_TITLE),
            status=status,
            detail=detail,
            refused=len(events),
            events=events[:MOST_TOLD],
            parameters=parameters,
        )

    def response(self) -> Response:
        """The answer to send."""
        return Response(self.body(), self.status, self.headers, PROBLEM_JSON)

    def body(self) -> bytes:
        """The document as JSON."""
        return msgspec.json.encode(self.problem)


def refused_event(index: int, event_id: str | None, refusal: Refusal | Refused) -> RefusedEvent:
    """How a document names the event at `index`."""
    return RefusedEvent(index, event_id, refusal.reason, refusal.sentence, refusal.field)


def refused_events(refused: Sequence[RefusedEvent]) -> Failure:
    """The answer to a request of which these events can't be taken."""
    first = refused[0]
    if len(refused) == 1:
        detail = first.sentence
    else:
        detail = f"{len(refused)} events can't be taken. The first: {first.sentence}"
    only_too_large = all(each.reason == "too_large" for each in refused)
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if only_too_large else HTTPStatus.BAD_REQUEST
    return Failure(status, first.reason, detail, events=refused)
