"""Events as Kafka's records and back (contract, section 6; CloudEvents' binding for Kafka).

Written in structured mode: the key is the subject, the value the event's JSON as
it came. Read in structured and in binary mode (attributes in `ce_` headers, the
data in the value). The stamp is the broker's, never what an event says of itself.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from rules.events import Event
from streams.codec import MAX_AHEAD, decode
from streams.envelope_faults import ahead
from streams.http.binding import STAMP, STRUCTURED, json_value, without_stamp
from streams.refusals import MAX_BYTES, Refusal, shown
from streams.storage import Accepted

Headers = Sequence[tuple[str, bytes]]

CONTENT_TYPE: Final = "content-type"
_STRUCTURED_HEADERS: Final = ((CONTENT_TYPE, b"application/cloudevents+json; charset=UTF-8"),)
_CLOUDEVENTS: Final = "application/cloudevents"
_PREFIX: Final = "ce_"
_ATTRIBUTE: Final = re.compile(r"[a-z0-9]+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Outgoing(NamedTuple):
    """A record to be written. Records with the same key stay in their order."""

    key: bytes | None
    value: bytes
    headers: Headers = _STRUCTURED_HEADERS


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A record that carries an event. `body` is the event's JSON, as it came where it was JSON."""

    event: Event
    body: bytes
    key_is_subject: bool
    """If not, other events of the same lead may be in another partition: the lead is told by the
    subject all the same, but the order between the two is not kept."""


def event_record(accepted: Accepted) -> Outgoing:
    """The record of an event."""
    return Outgoing(accepted.event.subject.encode(), accepted.body)


def decision_record(lead: str, body: bytes) -> Outgoing:
    """The record of a decision, of which `body` is the CloudEvent."""
    return Outgoing(lead.encode(), body)


def stamp_of(timestamp_ms: int) -> datetime:
    """A record's timestamp as an instant."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def read_record(
    key: bytes | None, value: bytes | None, headers: Headers, stamped_at: datetime
) -> Taken | Refusal:
    """The event that a record carries, stamped; `Refusal` says why it carries none. Never raises.

    A key that is not the subject is no reason to refuse: the subject is what counts.
    """
    if value is None:
        return _NO_VALUE
    body = structured(value, headers)
    if isinstance(body, Refusal):
        return body
    event = decode(without_stamp(body) if len(body) <= MAX_BYTES else body)
    if isinstance(event, Refusal):
        return event
    if event.time_at - stamped_at > MAX_AHEAD:
        return ahead(event.time_at.isoformat(), stamped_at.isoformat(timespec="seconds"))
    stamped = msgspec.structs.replace(event, received_at=stamped_at)
    return Taken(stamped, body, key == event.subject.encode())


_NO_VALUE: Final = Refusal(
    "no_value",
    "The record has no value (Kafka calls it a tombstone), and what has happened can't be taken "
    "back; send an event that corrects it.",
)


def structured(value: bytes, headers: Headers) -> bytes | Refusal:
    """The event's JSON: the value itself, or put together from the headers in binary mode."""
    content_type = ""
    binary = False
    for name, text in headers:
        if name.lower() == CONTENT_TYPE:
            content_type = (text or b"").decode("latin-1").partition(";")[0].strip().lower()
        binary = binary or name.startswith(_PREFIX)
    if content_type.startswith(_CLOUDEVENTS):
        if content_type in (STRUCTURED, _CLOUDEVENTS):
            return value
        return Refusal(
            "invalid_attribute",
            f"The header content-type is {shown(content_type)}; write one event a record, in "
            f"JSON, as {STRUCTURED}.",
            CONTENT_TYPE,
        )
    # Without any header the value speaks for itself: consoles and simple producers send so.
    return _from_headers(value, headers, content_type) if binary else value


def _from_headers(value: bytes, headers: Headers, content_type: str) -> bytes | Refusal:
    event: dict[str, str | msgspec.Raw] = {}
    for header, raw in headers:
        name = header.removeprefix(_PREFIX)
        if name == header or not _ATTRIBUTE.fullmatch(name) or name in ("data", STAMP):
            continue  # no attribute, or none of the sender's
        if name in event:
            return Refusal(
                "invalid_attribute", f"The header {header} is there twice; write it once.", name
            )
        try:
            # A header may be null as well; an attribute that is empty is refused as such.
            event[name] = (raw or b"").decode()
        except UnicodeDecodeError:
            return Refusal(
                "not_unicode", f"The header {header} is not UTF-8; encode it as UTF-8.", name
            )
    if content_type:
        event["datacontenttype"] = content_type
    if value.strip():
        # What is too large is not parsed first; the codec then says that it is.
        data = json_value(value) if len(value) <= MAX_BYTES else msgspec.Raw(value)
        if isinstance(data, Refusal):
            return data
        event["data"] = data
    return msgspec.json.encode(event)
