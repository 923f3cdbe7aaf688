"""Hostile bodies of every kind, over HTTP: the same reasons as from a file, and nothing stored."""

import json

import pytest

from streams.codec import decode
from streams.event_data import LARGEST
from tests.http.conftest import Client
from tests.http.stand_in import StandIn, event
from tests.http.test_activity import BATCHED, STRUCTURED, problem
from tests.streams.test_withstands import HOSTILE

# The stamp is the service's own, so that a client's is dropped, whatever it holds.
TAKEN = {"a stamp that is none"}
NO_ELEMENT = {"no JSON", "half a line", "two on a line", "a trailing comma", "a comment"} | {
    "null bytes", "200,000 open brackets", "all bytes",
}  # fmt: skip
"""Which break the list that they stand in, so that where they end can't be told."""


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - TAKEN))
def test_a_hostile_event_is_refused_with_its_reason(
    name: str, client: Client, service: StandIn
) -> None:
    reason, body = HOSTILE[name]
    status = 413 if reason == "too_large" else 400
    answer = client("POST", "/events", content=body, headers=STRUCTURED)
    document = problem(answer, status, reason)
    if status == 400:
        (refused,) = document["events"]
        assert (refused["index"], refused["reason"]) == (0, reason)
        assert refused["sentence"].isprintable()
        assert len(refused["sentence"]) < 500
    assert service.submissions == []
    assert client("POST", "/events", json=event(), headers=STRUCTURED).status_code == 202


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - TAKEN))
def test_a_hostile_event_refuses_its_batch(name: str, client: Client, service: StandIn) -> None:
    reason, body = HOSTILE[name]
    good = json.dumps(event()).encode()
    answer = client("POST", "/events", content=b"[" + good + b"," + body + b"]", headers=BATCHED)
    assert answer.status_code in (400, 413), answer.text
    first = answer.json()["events"][0]
    assert first["index"] == 1
    if name not in NO_ELEMENT:
        assert first["reason"] == reason
    assert service.submissions == []


def test_odd_but_sound_events_are_taken(client: Client, service: StandIn) -> None:
    odd = event(
        "😀" * 50,
        "ページ.viewed",
        subject="名前/..%2f?#&" + "x" * 400,
        data={"asset": "\u202e\x00", "n": LARGEST * 10**9, "": {"": [None]}, "receivedat": 1},
        partner={"deep": [[[]]]},
    )
    assert isinstance(odd["id"], str)
    assert client("POST", "/events", json=odd, headers=STRUCTURED).status_code == 202
    assert service.submissions[0][0].event == decode(json.dumps(odd).encode())
