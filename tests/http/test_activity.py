"""`POST /events`: the three modes, all or nothing, and what is refused with which document."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from streams.codec import decode
from streams.http.service import Limits
from streams.refusals import MAX_BYTES
from streams.storage import StorageError
from streams.writer import Busy
from tests.http.conftest import Client
from tests.http.stand_in import START_AT, StandIn, event

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document, after a look at what all of them have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:baton:problem:{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"].isprintable()
    assert document["detail"].endswith(".")
    return document


def binary_headers(**changes: Any) -> dict[str, str]:
    attributes = {f"ce-{name}": value for name, value in event(**changes).items()}
    return {"content-type": "application/json"} | attributes


def test_an_event_is_taken_and_a_repeat_changes_nothing(client: Client, service: StandIn) -> None:
    body = json.dumps(event(data={"asset": "/demo"}), indent=1).encode()
    answer = client("POST", "/events", content=body, headers=STRUCTURED)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0})
    (accepted,) = service.submissions[0]
    assert accepted.body == body, "the bytes are kept as they came"
    assert accepted.event == decode(body)
    again = client("POST", "/events", content=body, headers=STRUCTURED)
    assert (again.status_code, again.json()) == (202, {"accepted": 0, "duplicates": 1})


def test_a_batch_is_taken_whole(client: Client, service: StandIn) -> None:
    events = [event(1), event(2), event(2), event(3, subject="lead-é")]
    answer = client("POST", "/events", json=events, headers=BATCHED)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3, "duplicates": 1})
    assert [json.loads(each.body) for each in service.submissions[0]] == events


def test_an_empty_batch_is_taken_and_nobody_is_bothered(client: Client, service: StandIn) -> None:
    answer = client("POST", "/events", content=b" [ ] ", headers=BATCHED)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "duplicates": 0})
    assert service.submissions == []


def test_binary_mode_comes_to_the_same_event(client: Client, service: StandIn) -> None:
    headers = binary_headers(subject="Euro%20%E2%82%AC%20%F0%9F%98%80", source='"/we\\"b"')
    answer = client("POST", "/events", content=b'{"asset": "/demo"}', headers=headers)
    assert answer.status_code == 202, answer.text
    taken = service.submissions[0][0]
    assert (taken.event.subject, taken.event.source) == ("Euro € 😀", '/we"b')
    assert taken.event.data == {"asset": "/demo"}
    assert decode(taken.body) == taken.event


def test_binary_mode_needs_no_body(client: Client, service: StandIn) -> None:
    headers = binary_headers()
    del headers["content-type"]
    assert client("POST", "/events", headers=headers).status_code == 202
    assert service.submissions[0][0].event.data == {}


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b'{}, "subject": "other"', "malformed_json", "data"),
        (b'{"a": 1', "malformed_json", "data"),
        (b"[" * 5_000 + b"]" * 5_000, "too_deep", None),
        (b'{"a": NaN}', "not_finite", None),
        (b'{"a": "\\ud800"}', "not_unicode", None),
        (b'{"a": "\xff"}', "not_unicode", None),
        (b"[1]", "invalid_data", "data"),
        (b'"text"', "invalid_data", "data"),
    ],
)
def test_data_in_binary_mode_is_one_object(
    client: Client, service: StandIn, body: bytes, reason: str, field: str | None
) -> None:
    answer = client("POST", "/events", content=body, headers=binary_headers())
    (refused,) = problem(answer, 400, reason)["events"]
    assert (refused["index"], refused["id"], refused["reason"]) == (0, "e-1", reason)
    assert field in (None, refused["field"])
    assert service.stored == 0


@pytest.mark.parametrize(
    ("headers", "reason", "field"),
    [
        ([("ce-id", "other")], "invalid_attribute", "id"),
        ([("ce-subject", "%FF")], "not_unicode", "subject"),
        ([("ce-subject", "%ED%A0%80")], "not_unicode", "subject"),
        ([("ce-subject", "a%00b")], "invalid_attribute", "subject"),
        ([("ce-subject", "")], "invalid_attribute", "subject"),
        ([("ce-specversion", "0.3")], "invalid_attribute", "specversion"),
        ([], "missing_attribute", "subject"),
    ],
)
def test_attributes_in_headers_are_judged_as_any(
    client: Client, headers: list[tuple[str, str]], reason: str, field: str
) -> None:
    base = binary_headers(subject=..., specversion=...)
    first = {name for name, _ in headers}
    if "ce-specversion" not in first:
        base["ce-specversion"] = "1.0"
    if field != "subject":
        base["ce-subject"] = "lead-1"
    answer = client("POST", "/events", content=b"{}", headers=[*base.items(), *headers])
    (refused,) = problem(answer, 400, reason)["events"]
    assert refused["field"] == field


@pytest.mark.parametrize("stamp", ["2020-01-01T00:00:00Z", "today", None, 7])
@pytest.mark.parametrize("spelling", [b"receivedat", b"\\u0072eceivedat"])
def test_a_stamp_that_a_client_sends_is_dropped(
    client: Client, service: StandIn, stamp: Any, spelling: bytes
) -> None:
    data = {"big": 10**30, "text": "receivedat"}
    body = json.dumps(event(receivedat=stamp, data=data)).encode()
    body = body.replace(b"receivedat", spelling, 1)
    for sent, headers in ((body, STRUCTURED), (b"[" + body + b"]", BATCHED)):
        assert client("POST", "/events", content=sent, headers=headers).status_code == 202
        taken = service.submissions[-1][0]
        assert taken.event.received_at is None
        assert taken.event.data == data
        assert "receivedat" not in json.loads(taken.body)
    headers = binary_headers(receivedat=str(stamp))
    assert client("POST", "/events", content=b"{}", headers=headers).status_code == 202
    assert "receivedat" not in json.loads(service.submissions[-1][0].body)


def test_an_event_from_beyond_tomorrow_is_refused(client: Client) -> None:
    day = timedelta(hours=24)
    last = event(time=(START_AT + day).isoformat())
    assert client("POST", "/events", json=last, headers=STRUCTURED).status_code == 202
    late = event(2, time=(START_AT + day + timedelta(seconds=1)).isoformat())
    document = problem(
        client("POST", "/events", json=late, headers=STRUCTURED), 400, "invalid_time"
    )
    assert document["events"][0]["field"] == "time"


def test_one_bad_event_and_nothing_of_the_batch_is_stored(client: Client, service: StandIn) -> None:
    events = [
        event(1),
        event(2, "lead.attempted", data={"channel": "fax"}),
        event(3),
        event(4, "lead.accepted", data={"by": "zoe"}),
        event(..., time="now"),
    ]
    events[4].pop("id")
    document = problem(client("POST", "/events", json=events, headers=BATCHED), 400, "invalid_data")
    assert [(e["index"], e["id"], e["reason"], e["field"]) for e in document["events"]] == [
        (1, "e-2", "invalid_data", "data.channel"),
        (3, "e-4", "unknown_person", "data.by"),
        (4, None, "missing_attribute", "id"),
    ]
    assert document["refused"] == 3
    assert "nothing of the request was stored" in document["title"]
    assert service.submissions == []


def test_a_long_list_of_refusals_is_cut(client: Client) -> None:
    events = [event(number, "lead.nothing") for number in range(500)]
    document = problem(client("POST", "/events", json=events, headers=BATCHED), 400, "unknown_type")
    assert document["refused"] == 500
    assert [each["index"] for each in document["events"]] == list(range(100))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"{}",
        b'{"a": [1]}',
        b'"text"',
        b"[",
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b"[@] [@]",
        b"[@, @",
        b"[@]]",
    ],
)
def test_a_batch_that_is_no_list_is_refused(client: Client, service: StandIn, body: bytes) -> None:
    body = body.replace(b"@", json.dumps(event()).encode())
    answer = client("POST", "/events", content=body, headers=BATCHED)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.submissions == []


@pytest.mark.parametrize(
    ("body", "index", "reason"),
    [
        (b"[@, @, {nope}, @]", 2, "malformed_json"),
        (b"[@, ]", 1, "malformed_json"),
        (b"[@ @]", 0, "malformed_json"),
        (b'[@, {"a": NaN}, @]', 1, "missing_attribute"),
        (b'[@, "\xff", @]', 1, "not_unicode"),
        (b"[@, " + b"[" * 3_000 + b"]" * 3_000 + b"]", 1, "too_deep"),
    ],
)
def test_the_malformed_event_of_a_batch_is_named(
    client: Client, service: StandIn, body: bytes, index: int, reason: str
) -> None:
    sent = body.replace(b"@", json.dumps(event()).encode())
    answer = client("POST", "/events", content=sent, headers=BATCHED)
    first = problem(answer, 400, reason)["events"][0]
    assert (first["index"], first["reason"]) == (index, reason)
    assert service.submissions == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "application/json"},
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/cloudevents+avro"},
        {"content-type": "application/cloudevents+json; charset=utf-16"},
        {"content-type": "application/cloudevents+json; charset=latin-1"},
        {"content-type": "application/cloudevents+json", "content-encoding": "gzip"},
        {"content-type": "\xff", "ce-specversion": "1.0"},
        {"content-type": "text/xml", "ce-specversion": "1.0"},
        {"ce-id": "1"},
    ],
)
def test_other_content_types_are_refused_before_anything_is_read(
    client: Client, service: StandIn, headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = client("POST", "/events", content=json.dumps(event()).encode(), headers=raw)
    problem(answer, 415, "unsupported_media_type")
    assert service.submissions == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json; charset=utf-8",
        'Application/CloudEvents+JSON ;CHARSET="UTF-8"',
        "application/cloudevents+json;v=1",
    ],
)
def test_content_types_are_read_as_they_may_be_written(client: Client, content_type: str) -> None:
    answer = client("POST", "/events", json=event(), headers={"content-type": content_type})
    assert answer.status_code == 202


def padded(size: int) -> bytes:
    """A valid event of exactly so many bytes."""
    body = json.dumps(event(data={"asset": ""})).encode()
    return body.replace(b'"asset": ""', b'"asset": "' + b"x" * (size - len(body)) + b'"')


def test_an_event_may_take_256_kib_and_no_more(client: Client, service: StandIn) -> None:
    assert client("POST", "/events", content=padded(MAX_BYTES), headers=STRUCTURED).is_success
    answer = client("POST", "/events", content=padded(MAX_BYTES + 1), headers=STRUCTURED)
    problem(answer, 413, "too_large")

    async def unannounced() -> Any:
        for _ in range(40):
            yield b"x" * 10_000

    answer = client("POST", "/events", content=unannounced(), headers=STRUCTURED)
    problem(answer, 413, "too_large")
    assert service.stored == 1


def test_an_event_of_a_batch_may_be_no_larger(client: Client) -> None:
    body = b"[" + json.dumps(event()).encode() + b"," + padded(MAX_BYTES + 1) + b"]"
    document = problem(client("POST", "/events", content=body, headers=BATCHED), 413, "too_large")
    assert [(each["index"], each["reason"]) for each in document["events"]] == [(1, "too_large")]


def test_a_batch_has_its_limits(client: Client, service: StandIn) -> None:
    full = [event(number) for number in range(1_000)]
    assert client("POST", "/events", json=full, headers=BATCHED).json()["accepted"] == 1_000
    answer = client("POST", "/events", json=[*full, event(0)], headers=BATCHED)
    problem(answer, 413, "too_many_events")
    body = b"[" + b" " * 8 * 1024 * 1024 + b"]"
    problem(client("POST", "/events", content=body, headers=BATCHED), 413, "too_large")
    assert service.stored == 1_000


def test_a_busy_service_says_when_to_come_back(client: Client, service: StandIn) -> None:
    service.fails_with = Busy(7)
    answer = client("POST", "/events", json=event(), headers=STRUCTURED)
    problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "7"


def test_what_will_not_be_taken_is_not_read(client: Client, service: StandIn) -> None:
    wrong = [event(1), {**event(2), "specversion": "0.3"}]
    assert client("POST", "/events", json=wrong, headers=BATCHED).status_code == 400
    service.fails_with = Busy(7)
    problem(client("POST", "/events", json=wrong, headers=BATCHED), 503, "busy")


def test_a_failed_storage_is_told(client: Client, service: StandIn) -> None:
    service.fails_with = StorageError("The disk is full; free some space.")
    answer = client("POST", "/events", json=event(), headers=STRUCTURED)
    assert "The disk is full" in problem(answer, 503, "storage_failed")["detail"]
    assert int(answer.headers["retry-after"]) > 0
    service.fails_with = None
    assert client("POST", "/events", json=event(), headers=STRUCTURED).status_code == 202


def test_our_own_mistake_tells_nothing_of_itself(client: Client, service: StandIn) -> None:
    service.fails_with = RuntimeError("secret")
    answer = client("POST", "/events", json=event(), headers=STRUCTURED)
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


@pytest.fixture
def cramped(service: StandIn) -> Iterator[Client]:
    made = Client(service, limits=Limits(held_bytes=1_000))
    yield made
    made.close()


def test_bodies_are_bounded_in_sum_too(cramped: Client, service: StandIn) -> None:
    answer = cramped("POST", "/events", content=padded(1_001), headers=STRUCTURED)
    problem(answer, 503, "busy")
    assert cramped("POST", "/events", content=padded(1_000), headers=STRUCTURED).is_success
    assert cramped("POST", "/events", content=padded(1_000), headers=STRUCTURED).is_success
    assert service.stored == 2
