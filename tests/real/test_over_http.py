"""The real logs, posted over HTTP to a running service, are decided as `baton replay` decides them.

The service lives by a clock that the test sets, so that its log says of every event
what the file says of when it became known; then every byte of its decisions must
be the replay's.
"""

import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streams.recorded import stored
from streams.sqlite.reading import SqliteReader
from tests.chaos.undisturbed import undisturbed
from tests.real.test_bpic import AFTER_IT_ALL as AFTER_BPIC
from tests.real.test_bpic import LOG as BPIC
from tests.real.test_bpic import baton
from tests.real.test_olist import AFTER_IT_ALL as AFTER_OLIST
from tests.real.test_olist import DEALS, MQLS
from tests.service.machine import Machine
from tests.service.processes import Start, Up

HERE: Final = Path(__file__).parent
LOGS: Final = {
    "bpic2012": ([BPIC], AFTER_BPIC),
    "olist": ([DEALS, MQLS], AFTER_OLIST),
}
MOST_INSTANTS: Final = 500
"""Of a log that is posted instant by instant; all of it would take a minute."""
SHIFT: Final = timedelta(hours=8)
KILLED_AFTER: Final = 100
BATCH: Final = 1_000
FOR_EVER: Final = "36500"
"""Days of retention: the logs are years old at their end."""
_ALL: Final = 1_000_000

pytestmark = pytest.mark.skipif(
    not (BPIC.exists() and MQLS.exists()),
    reason="the real logs are not beside this checkout (../shared/data)",
)
Posts = list[tuple[datetime, list[bytes]]]
"""What is posted at which instant."""


@pytest.fixture(params=LOGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lines(name: str, tmp_path: Path) -> list[bytes]:
    """The log as events, in order of time."""
    path = tmp_path / "events.jsonl"
    mapping = HERE / "mappings" / f"{name}.yaml"
    result = baton("import", "--mapping", mapping, "-o", path, *LOGS[name][0])
    assert result.returncode == 0, result.stderr.decode()
    return path.read_bytes().splitlines()


def agreement_of(name: str) -> str:
    return str(HERE / "agreements" / f"{name}.yaml")


def replayed(name: str, lines: Sequence[bytes], path: Path) -> list[bytes]:
    """What `baton replay` decides of these lines."""
    path.write_bytes(b"\n".join(lines))
    agreement, until = agreement_of(name), LOGS[name][1]
    result = baton("replay", "--agreement", agreement, "--until", until, path)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.splitlines()


def posted(service: Up, lines: Sequence[bytes]) -> httpx.Response:
    headers = {"content-type": "application/cloudevents-batch+json"}
    return service.client.post("/events", content=b"[%b]" % b",".join(lines), headers=headers)


def lived(
    name: str, posts: Posts, count: int, up: Start, directory: Path
) -> tuple[list[bytes], dict[str, datetime]]:
    """What a service decides to which each is posted when it is time; and its stamps."""
    machine = Machine(directory, posts[0][0])
    settings = {"agreement": agreement_of(name), "retention_days": FOR_EVER}
    service = up(on=machine, **settings)
    known = b""
    for number, (at, some) in enumerate(posts):
        machine.set_to(at)
        while b"invalid_time" in (answer := posted(service, some)).content:
            # It looks at its clock once a second, and days have gone by meanwhile. Then what
            # it knows, which changes nothing, makes it look.
            assert posted(service, [known]).json() == {"accepted": 0, "duplicates": 1}
        assert answer.json() == {"accepted": len(some), "duplicates": 0}
        known = some[-1]
        if number == KILLED_AFTER:
            service.stop(signal.SIGKILL)
            service = up(on=machine, **settings)
    machine.set_to(datetime.fromisoformat(LOGS[name][1]))
    follow(service, count)
    assert service.stop() == 0
    with SqliteReader(directory / "baton.db") as reader:
        decisions = [body for _, body in reader.decisions(0, _ALL)]
        records = reader.records(0, _ALL)
    return decisions, {each.event.id: each.stamped_at for each in records if each.event}


def follow(service: Up, count: int) -> None:
    """Until so many decisions have been made."""
    asked = {"accept": "text/event-stream"}
    after = {"after": count - 1}
    with service.client.stream("GET", "/decisions", params=after, headers=asked) as answer:
        for line in answer.iter_lines():
            assert not line.startswith(":"), "fewer decisions than of the replay"
            if line.startswith(f"id: {count}"):
                return
    raise AssertionError("the stream ended")


def time_of(line: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(line)["time"])


def test_posted_when_it_happened_a_log_is_decided_byte_for_byte_as_replayed(
    name: str, lines: list[bytes], up: Start, tmp_path: Path
) -> None:
    instants = [(at, list(some)) for at, some in groupby(lines, time_of)]
    posts = instants[:MOST_INSTANTS]
    own = [line for _, some in posts for line in some]
    expected = replayed(name, own, tmp_path / "own.jsonl")
    decided, stamps = lived(name, posts, len(expected), up, tmp_path)
    assert stamps == {json.loads(line)["id"]: time_of(line) for line in own}
    assert decided == expected


def test_posted_at_the_end_of_each_shift_a_log_is_decided_byte_for_byte_as_replayed(
    name: str, lines: list[bytes], up: Start, tmp_path: Path
) -> None:
    posts = [(at, list(some)) for at, some in groupby(lines, shift_end)]
    stamped = [
        json.dumps(json.loads(line) | {"receivedat": at.isoformat()}).encode()
        for at, some in posts
        for line in some
    ]
    expected = replayed(name, stamped, tmp_path / "stamped.jsonl")
    decided, stamps = lived(name, posts, len(expected), up, tmp_path)
    assert stamps == {json.loads(line)["id"]: shift_end(line) for line in lines}
    assert decided == expected


def shift_end(line: bytes) -> datetime:
    """The end of the eight hours in which it happened."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return epoch + ((time_of(line) - epoch) // SHIFT + 1) * SHIFT


def test_posted_today_a_log_brings_every_lead_where_the_replay_brings_it(
    name: str, lines: list[bytes], up: Start, tmp_path: Path
) -> None:
    service = up(agreement=agreement_of(name))
    for first in range(0, len(lines), BATCH):
        some = lines[first : first + BATCH]
        assert posted(service, some).json() == {"accepted": len(some), "duplicates": 0}
    while service.client.get("/readyz").json().get("behind") != 0:
        pass
    assert service.stop() == 0
    with SqliteReader(tmp_path / "baton.db") as reader:
        decided = [body for _, body in reader.decisions(0, _ALL)]
        records = reader.records(0, _ALL)
        digest = records[0].agreement or ""
        agreement = stored(reader, digest)
        clock_at = reader.standing().clock_at
    assert clock_at is not None
    again, refused = undisturbed(records, {digest: agreement}, clock_at)
    assert (decided, refused) == (again, [])
    assert untimed(decided) == untimed(replayed(name, lines, tmp_path / "all.jsonl"))


def untimed(bodies: Sequence[bytes]) -> dict[str, list[Any]]:
    """Of each lead, what does not depend on when its events became known."""
    told: dict[str, list[Any]] = {}
    for each in map(json.loads, bodies):
        if each["type"] == "lead.stage_changed" or each["data"].get("kind") == "too_many_attempts":
            data = {k: v for k, v in each["data"].items() if k != "because"}
            told.setdefault(each["subject"], []).append((each["type"], each["cause"], data))
    return told
