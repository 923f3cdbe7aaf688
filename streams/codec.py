"""The border: bytes to events, decisions to bytes (contract, sections 1 and 3).

Events come as CloudEvents 1.0 in structured mode. `decode` returns an event
that every later part may trust, or a refusal; it raises on no bytes whatever.
Of a JSON key that is given twice, the last one counts.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from math import isfinite
from typing import Annotated, Any, Final, Literal, NotRequired

import msgspec
from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from rules.decisions import DATA_TYPES, Decision, DecisionData
from rules.events import LISTED_EVENTS, Event, is_reserved
from streams.envelope_faults import (
    MAX_DEPTH,
    MAX_NAME,
    REQUIRED,
    ahead,
    envelope_fault,
    invalid_time,
    not_json,
    too_deep_or_not_finite,
    unfit_name,
    unknown_type,
)
from streams.event_data import check_listed, check_touch
from streams.instants import parse_instant
from streams.refusals import MAX_BYTES, Refusal

MAX_AHEAD: Final = timedelta(hours=24)
"""How far `time` may be ahead of the log's stamp: a far-off clock would fire every deadline."""


_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class _Envelope(TypedDict):
    __pydantic_config__ = ConfigDict(strict=True, extra="allow")  # type: ignore[misc]
    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: _Name
    subject: _Name
    time: str
    receivedat: NotRequired[str | None]
    datacontenttype: NotRequired[str | None]
    data: NotRequired[dict[str, Any] | None]


_read_envelope: Final = TypeAdapter(_Envelope).validator.validate_json


def decode(line: bytes) -> Event | Refusal:
    """Read one CloudEvent; `Refusal` says why it can't be taken. Never raises."""
    if len(line) > MAX_BYTES:
        return Refusal(
            "too_large",
            f"The event takes more than {MAX_BYTES} bytes (256 KiB); leave out of `data` what no "
            "rule needs.",
        )
    try:
        envelope = _read_envelope(line)
    except ValidationError as error:
        return envelope_fault(line, error)
    return _event(envelope)


def _event(envelope: dict[str, Any]) -> Event | Refusal:
    data = envelope.pop("data", None) or {}
    stamp = envelope.pop("receivedat", None)
    # What is left over the required is ignored, but must be sound all the same.
    if not _is_plain(data.values(), 2) or (
        len(envelope) > len(REQUIRED) and not _is_plain(envelope.values(), 1)
    ):
        return too_deep_or_not_finite({**envelope, "data": data})
    event_id, source = envelope["id"], envelope["source"]
    event_type, subject = envelope["type"], envelope["subject"]
    # Printable ASCII without a space is fit, and is what nearly every name is.
    names = event_id + source + event_type + subject
    if " " in names or not (names.isascii() and names.isprintable()):
        refusal = unfit_name(envelope)
        if refusal is not None:
            return refusal
    time_at = parse_instant(envelope["time"])
    if time_at is None:
        return invalid_time("time", envelope["time"])
    received_at = None
    if stamp is not None:
        received_at = parse_instant(stamp)
        if received_at is None:
            return invalid_time("receivedat", stamp)
        if time_at - received_at > MAX_AHEAD:
            return ahead(envelope["time"], stamp)
    if "data_base64" in envelope or "datacontenttype" in envelope:
        refusal = not_json(envelope)
        if refusal is not None:
            return refusal
    checked = _data(event_type, data)
    if isinstance(checked, Refusal):
        return checked
    return Event(event_id, source, event_type, subject, time_at, checked, received_at)


def _data(event_type: str, data: dict[str, Any]) -> dict[str, Any] | Refusal:
    if event_type in LISTED_EVENTS:
        return check_listed(event_type, data)
    if is_reserved(event_type):
        return unknown_type(event_type)
    return check_touch(data)


class _CloudDecision(msgspec.Struct, frozen=True):
    """A decision on the wire; the fields are CloudEvents attributes, in this order."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: Any
    sequence: int
    cause: str | msgspec.UnsetType
    data: DecisionData


_encode: Final = msgspec.json.Encoder().encode


def encode(decision: Decision, source: str) -> bytes:
    """The CloudEvent of `decision`; `source` is the agreement's (contract, section 3).

    Equal decisions give equal bytes. `cause` is left out where time alone caused it.
    """
    kind = decision.data.TYPE
    return _encode(
        _CloudDecision(
            "1.0",
            decision_id(decision),
            source,
            kind,
            decision.subject,
            decision.time_at,
            decision.sequence,
            msgspec.UNSET if decision.cause is None else decision.cause,
            decision.data,
        )
    )


class _ReadDecision(msgspec.Struct, frozen=True):
    type: str
    subject: str
    time: datetime
    sequence: int
    data: msgspec.Raw
    cause: str | None = None


_read_decision: Final = msgspec.json.Decoder(_ReadDecision).decode


def decode_decision(body: bytes) -> Decision:
    """The decision of which `encode` made `body`. What else is given is a programmer's error."""
    read = _read_decision(body)
    data = msgspec.json.decode(read.data, type=DATA_TYPES[read.type])
    return Decision(read.subject, read.sequence, read.time, read.cause, data)


def encode_event(event: Event) -> bytes:
    """The CloudEvent of `event`: `decode` reads it back as it was."""
    stamp = {} if event.received_at is None else {"receivedat": event.received_at}
    return _encode(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": event.time_at,
            **stamp,
            "data": event.data,
        }
    )


def decision_id(decision: Decision) -> str:
    """24 hexadecimal digits from lead, sequence, type and time: the same for the same input."""
    # None of the four can hold a NUL, so that no two decisions are spelled alike.
    named = (
        f"{decision.subject}\0{decision.sequence}\0{decision.data.TYPE}"
        f"\0{decision.time_at.timestamp()}"
    )
    return blake2b(named.encode(), digest_size=12).hexdigest()


def _is_plain(values: Iterable[Any], depth: int) -> bool:
    """Whether `values`, in a container `depth` deep, hold finite numbers and nest within bounds."""
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is dict:
            if depth == MAX_DEPTH or not _is_plain(value.values(), depth + 1):
                return False
        elif kind is list:
            if depth == MAX_DEPTH or not _is_plain(value, depth + 1):
                return False
        elif kind is float and not isfinite(value):
            return False
    return True
