"""Records as events: both modes, the broker's stamp, and every kind of poison."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events import Event
from streams.codec import decode
from streams.kafka.records import (
    Headers,
    Taken,
    decision_record,
    event_record,
    read_record,
    stamp_of,
)
from streams.refusals import MAX_BYTES, Refusal
from streams.storage import Accepted

STAMPED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BINARY = {
    "ce_specversion": b"1.0",
    "ce_id": b"e-1",
    "ce_source": b"/web",
    "ce_type": b"webinar.attended",
    "ce_subject": b"lead-1",
    "ce_time": b"2026-03-02T09:00:00+01:00",
    "content-type": b"application/json",
}


def event(**changes: Any) -> dict[str, Any]:
    base = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/web",
        "type": "webinar.attended",
        "subject": "lead-1",
        "time": "2026-03-02T09:00:00+01:00",
        "data": {"asset": "one"},
    }
    return {name: value for name, value in (base | changes).items() if value is not ...}


def read(
    value: bytes | None, headers: Headers = (), key: bytes | None = b"lead-1"
) -> Taken | Refusal:
    return read_record(key, value, headers, STAMPED_AT)


def taken(value: bytes, headers: Headers = (), key: bytes | None = b"lead-1") -> Taken:
    made = read(value, headers, key)
    assert isinstance(made, Taken), made
    return made


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.builds(event, id=names, source=names, subject=names, data=st.dictionaries(names, values)))
def test_an_event_comes_back_as_it_was_but_stamped(written: dict[str, Any]) -> None:
    body = json.dumps(written, ensure_ascii=False).encode()
    made = decode(body)
    if isinstance(made, Refusal):
        return  # a touch's own fields may be of the wrong kind
    record = event_record(Accepted(made, body))
    back = taken(record.value, record.headers, record.key)
    assert (back.body, back.key_is_subject) == (body, True)
    assert back.event.received_at == STAMPED_AT
    assert (back.event.id, back.event.source, back.event.subject) == (
        made.id, made.source, made.subject,
    )  # fmt: skip
    assert (back.event.time_at, back.event.data) == (made.time_at, made.data)


@given(st.builds(event, id=names, subject=names, data=st.dictionaries(names, values)))
def test_binary_mode_means_what_structured_mode_does(written: dict[str, Any]) -> None:
    data = json.dumps(written["data"]).encode()
    headers = [(f"ce_{name}", text.encode()) for name, text in written.items() if name != "data"]
    headers.append(("content-type", b"application/json; charset=utf-8"))
    bare = read(json.dumps(written).encode())
    put_together = read(data, headers)
    if isinstance(bare, Refusal):
        assert isinstance(put_together, Refusal)
        assert (put_together.reason, put_together.field) == (bare.reason, bare.field)
    else:
        assert isinstance(put_together, Taken)
        assert put_together.event == bare.event


@given(st.binary(max_size=400), st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=20))))
def test_no_bytes_whatever_raise(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    assert isinstance(read(value, headers), Taken | Refusal)
    assert isinstance(read(value, [*BINARY.items(), *headers]), Taken | Refusal)


@pytest.mark.parametrize(
    ("value", "headers", "reason", "field"),
    [
        (None, (), "no_value", None),
        (b"", (), "malformed_json", None),
        (json.dumps(event(subject=...)).encode(), (), "missing_attribute", "subject"),
        (json.dumps(event(data={"x": "y" * MAX_BYTES})).encode(), (), "too_large", None),
        (b'{"specversion":"1.0","id":"\xff"}', (), "not_unicode", None),
        (json.dumps(event(type="lead.atempted")).encode(), (), "unknown_type", "type"),
        (json.dumps(event(time="2026-03-03T09:00:01Z")).encode(), (), "invalid_time", "time"),
        (b"\x00\x00\x00\x00\x01avro", (), "malformed_json", None),
        (
            b"[]",
            (("content-type", b"application/cloudevents-batch+json"),),
            "invalid_attribute",
            "content-type",
        ),
        (
            b"\x00avro",
            (("Content-Type", b"application/cloudevents+avro"),),
            "invalid_attribute",
            "content-type",
        ),
        (b"{}", [*BINARY.items(), ("ce_id", b"other")], "invalid_attribute", "id"),
        (b"{}", (BINARY | {"ce_subject": b"\xff"}).items(), "not_unicode", "subject"),
        (b"{}", (BINARY | {"ce_subject": b""}).items(), "invalid_attribute", "subject"),
        (b"{}", (BINARY | {"content-type": b"text/xml"}).items(), "invalid_attribute",
         "datacontenttype"),
        (b"<x/>", BINARY.items(), "malformed_json", "data"),
        (b'{"x":1},"id":"other"', BINARY.items(), "malformed_json", "data"),
        (b'"' + b"x" * MAX_BYTES + b'"', BINARY.items(), "too_large", None),
        (
            b"{}",
            {name: text for name, text in BINARY.items() if name != "ce_subject"}.items(),
            "missing_attribute",
            "subject",
        ),
    ],
)  # fmt: skip
def test_poison_is_refused_with_its_reason(
    value: bytes | None, headers: Any, reason: str, field: str | None
) -> None:
    refusal = read(value, list(headers))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.field) == (reason, field)


@pytest.mark.parametrize("key", [None, b"", b"lead-2", b"\xff"])
def test_the_subject_counts_and_not_the_key(key: bytes | None) -> None:
    made = taken(json.dumps(event()).encode(), key=key)
    assert (made.event.subject, made.key_is_subject) == ("lead-1", False)


def test_binary_mode_without_data_is_an_event_without_data() -> None:
    assert taken(b"", list(BINARY.items())).event.data == {}


@pytest.mark.parametrize("stamp", ["2020-01-01T00:00:00Z", "yesterday", 5])
def test_the_stamp_is_the_brokers_whatever_the_event_says(stamp: Any) -> None:
    assert taken(json.dumps(event(receivedat=stamp)).encode()).event.received_at == STAMPED_AT
    headers = [*BINARY.items(), ("ce_receivedat", str(stamp).encode())]
    assert taken(b"{}", headers).event.received_at == STAMPED_AT


def test_an_event_a_day_ahead_is_still_taken() -> None:
    at = (STAMPED_AT + timedelta(hours=24)).isoformat()
    assert isinstance(taken(json.dumps(event(time=at)).encode()).event, Event)


def test_a_timestamp_is_read_to_the_millisecond() -> None:
    assert stamp_of(1_772_442_000_123) == STAMPED_AT + timedelta(milliseconds=123)


def test_a_decision_is_keyed_by_its_lead() -> None:
    assert decision_record("lead-ü", b"{}")[:2] == ("lead-ü".encode(), b"{}")
