"""Hostile bodies of every kind at the real service: each is refused, and nothing of it is kept."""

from pathlib import Path
from typing import Final

from streams.sqlite.reading import SqliteReader
from tests.http.stand_in import START_AT
from tests.service.machine import Machine
from tests.service.processes import Start, event
from tests.streams.test_withstands import HOSTILE

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
STAMP: Final = "a stamp that is none"
"""The stamp is the service's own: a client's is dropped, whatever it holds."""


def test_nothing_hostile_is_taken_and_nothing_is_harmed(up: Start, tmp_path: Path) -> None:
    # Some are hostile by their time alone.
    service = up(on=Machine(tmp_path, START_AT))
    for name, (reason, body) in HOSTILE.items():
        if name == STAMP:
            continue
        for sent, kind in ((body, STRUCTURED), (b"[" + body + b"]", BATCHED)):
            answer = service.client.post("/events", content=sent, headers={"content-type": kind})
            assert answer.status_code in (400, 413), (name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            if kind == STRUCTURED:
                assert answer.json()["type"] == f"urn:baton:problem:{reason}", name
        assert service.client.get("/readyz").status_code == 200
    assert service.post(event(1, "demo.requested")).json()["accepted"] == 1
    service.decided(3)
    assert service.stop() == 0
    lines = service.lines()
    assert {line["level"] for line in lines} == {"info"}
    refused = next(line for line in lines if line["event"] == "refused")
    assert refused["requests"].keys() <= {"400", "413"}
    with SqliteReader(tmp_path / "baton.db") as reader:
        kept = [each.event.id for each in reader.records(0, 100) if each.event is not None]
    assert kept == ["e-1"]
