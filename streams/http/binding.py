"""The CloudEvents HTTP binding: one request, in one of three modes, to the events it carries.

Structured (`application/cloudevents+json`), batched
(`application/cloudevents-batch+json`) and binary (attributes in `ce-` headers,
the data in the body). What comes out are the bytes of one structured event
each, for `streams.codec`; nothing here judges them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.datastructures import Headers

from streams.http.problems import Failure
from streams.refusals import Refusal

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
STAMP: Final = "receivedat"
"""The log's own attribute: what a client sends under this name is dropped."""

_PREFIX: Final = b"ce-"
_JSON: Final = re.compile(r"application/(?:[a-z0-9.+_-]+\+)?json")
_ATTRIBUTE: Final = re.compile(r"[a-z0-9]+")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})

_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_attributes: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_one_value: Final = msgspec.json.Decoder(msgspec.Raw).decode
_tolerant: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class Mode(Enum):
    """How a request carries its events."""

    STRUCTURED = 1
    BATCHED = 2
    BINARY = 3


def mode_of(headers: Headers) -> Mode:
    """The mode of a request; raises `Failure` (415) if it is in none."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise _unsupported(f"The body is coded as '{coding[:40]!s}'; send it as it is.")
    content_type = headers.get("content-type", "")
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    charset = _charset(parameters)
    if charset is not None and charset not in _UTF_8:
        raise _unsupported("The body is not in UTF-8; JSON is sent in no other character set.")
    if kind == STRUCTURED:
        return Mode.STRUCTURED
    if kind == BATCHED:
        return Mode.BATCHED
    if kind.startswith("application/cloudevents"):
        raise _unsupported(f"Write the events in JSON, as {STRUCTURED} or {BATCHED}.")
    if "ce-specversion" in headers or "ce-id" in headers or "ce-type" in headers:
        if _JSON.fullmatch(kind) or (not kind and headers.get("content-length", "0") == "0"):
            return Mode.BINARY
        raise _unsupported("The data of an event is JSON; send it as application/json.")
    raise _unsupported(
        f"Send an event as {STRUCTURED}, a list of events as {BATCHED}, or an event's data as "
        "application/json with its attributes in `ce-` headers."
    )


def _charset(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return None


def _unsupported(detail: str) -> Failure:
    return Failure(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)


def without_stamp(event: bytes) -> bytes:
    """`event` without `receivedat`, every other value spelled as it was."""
    # An escape may spell the name too; without either there is nothing to look for.
    if b"receivedat" not in event and b"\\u" not in event:
        return event
    try:
        attributes = _attributes(event)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return event  # the codec says what is wrong with it
    if attributes.pop(STAMP, None) is None:
        return event
    return msgspec.json.encode(attributes)


class Batch(NamedTuple):
    """The bytes of each event of a batch.

    `broken` says that the body as a whole is no JSON: the events are then those
    that can be told apart, to name the one at fault, and none is to be taken.
    """

    events: Sequence[bytes | msgspec.Raw]
    broken: Refusal | None = None


def batch(body: bytes) -> Batch:
    """The events of a body that is to be a list of them."""
    try:
        return Batch(_split(body))
    except msgspec.ValidationError:
        return Batch((), _no_list(f"{BATCHED} is a list of events"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        found = _elements(body)
        return Batch(list(found), _no_list(f"it is not valid JSON ({error})"))


def _no_list(why: str) -> Refusal:
    return Refusal("malformed_json", f"The body can't be read: {why}; send a list, [ … ].")


def _elements(body: bytes) -> Iterator[bytes]:
    """Each element of a JSON list, up to and with the first that is malformed."""
    # Bytes that are no UTF-8 go through as surrogates and come out as they were.
    text = body.decode("utf-8", "surrogateescape")
    place = _after_space(text, 0)
    if not text.startswith("[", place) or text.startswith("]", _after_space(text, place + 1)):
        return
    while text.startswith(("[", ","), place):
        start = _after_space(text, place + 1)
        try:
            end = _tolerant.raw_decode(text, start)[1]
        except (ValueError, RecursionError):
            end = len(text)
        place = _after_space(text, end)
        if not text.startswith((",", "]"), place):
            end = place = len(text)
        yield text[start:end].encode("utf-8", "surrogateescape")


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def binary(headers: Headers, body: bytes) -> bytes | Refusal:
    """The structured form of an event in binary mode, or why there is none."""
    event: dict[str, str | msgspec.Raw] = {}
    for raw_name, raw_value in headers.raw:
        if not raw_name.startswith(_PREFIX):
            continue
        name = raw_name[len(_PREFIX) :].decode("latin-1")
        if not _ATTRIBUTE.fullmatch(name) or name in ("data", "datacontenttype"):
            continue  # no attribute can have such a name
        if name in event:
            return Refusal(
                "invalid_attribute", f"The header ce-{name} is there twice; write it once.", name
            )
        value = _value(raw_value.decode("latin-1"))
        if value is None:
            return Refusal(
                "not_unicode",
                f"The header ce-{name} is not UTF-8 once its %-escapes are decoded; encode the "
                "attribute's text as UTF-8, then escape it.",
                name,
            )
        event[name] = value
    event.pop(STAMP, None)
    if body.strip():
        data = json_value(body)
        if isinstance(data, Refusal):
            return data
        event["data"] = data
    return msgspec.json.encode(event)


def _value(header: str) -> str | None:
    """An attribute out of a header's value: unquoted, then %-decoded; None if it is no UTF-8."""
    if _QUOTED.fullmatch(header):
        header = _ESCAPED.sub(r"\1", header[1:-1])
    try:
        return unquote_to_bytes(header.encode("latin-1")).decode()
    except UnicodeDecodeError:
        return None


def json_value(body: bytes) -> msgspec.Raw | Refusal:
    """The body as the value of `data`: one JSON value whole, so that it can't end the event early.

    What only a tolerant reader takes (NaN, half a surrogate pair) is left for the codec to name.
    """
    try:
        return _one_value(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    text = body.decode("utf-8", "surrogateescape")
    try:
        _, end = _tolerant.raw_decode(text, _after_space(text, 0))
    except RecursionError:
        return Refusal("too_deep", "The data nests objects and lists too deep; flatten it.", "data")
    except ValueError as error:
        return Refusal("malformed_json", f"The body is not valid JSON: {error}.", "data")
    if text[end:].strip(" \t\r\n"):
        return Refusal("malformed_json", "The body goes on after its first JSON value.", "data")
    return msgspec.Raw(body)
