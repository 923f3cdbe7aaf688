"""`baton send` and `baton dead-letters` on Kafka."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.connection import Connection
from streams.kafka.dead_letters import Position, letter_record
from streams.kafka.records import Outgoing, read_record, stamp_of
from streams.refusals import Refusal, dead_letter
from tests.kafka.conftest import Baton, read_all
from tests.service.processes import event

pytestmark = pytest.mark.kafka
Put = Callable[[str, Outgoing], None]


def lines(*events: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() for each in events
    )


def sent(made: Connection) -> list[str]:
    """The ids of the events in the topic, as a worker reads them."""
    found = []
    for each in read_all(made, made.topics.activity):
        taken = read_record(each.key, each.value, each.headers, stamp_of(each.timestamp))
        assert not isinstance(taken, Refusal)
        assert taken.key_is_subject
        found.append(taken.event.id)
    return sorted(found)


def test_a_file_is_sent_what_is_bad_is_kept_and_the_rest_is_unharmed(
    on_kafka: Baton, made: Connection, tmp_path: Path
) -> None:
    good = [event(number, "page.viewed", f"lead-{number % 9}") for number in range(600)]
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(*good[:300], b"{half", *good[300:], b'{"id":"\xff"}'))
    done = on_kafka("send", str(file))
    assert done.returncode == 1
    assert done.stdout == (
        "600 events taken, 2 lines refused and kept as dead letters (`baton dead-letters list`).\n"
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(each["line"], each["reason"]) for each in told] == [
        (301, "malformed_json"),
        (602, "not_unicode"),
    ]
    assert sent(made) == sorted(each["id"] for each in good)
    by_lead: dict[str, list[int]] = {}
    for record in read_all(made, made.topics.activity):
        by_lead.setdefault(record.key, []).append(int(json.loads(record.value)["id"][2:]))
    assert all(numbers == sorted(numbers) for numbers in by_lead.values())


def test_from_stdin_for_machines(on_kafka: Baton, made: Connection) -> None:
    done = on_kafka("send", "--json", "-", stdin=lines(event(1, "page.viewed")))
    assert json.loads(done.stdout) == {"accepted": 1, "duplicates": 0, "refused": 0}
    assert sent(made) == ["e-1"]


def test_a_topic_that_is_not_there_is_said(
    baton: Baton, connection: Connection, prefix: str
) -> None:
    settings = {"brokers": connection.brokers[0], "topic_prefix": prefix}
    listed = baton("dead-letters", "list", **settings)
    assert listed.returncode == 2
    assert "`baton topics create` makes it" in listed.stderr


def test_a_dead_letter_is_listed_shown_and_sent_again(on_kafka: Baton, made: Connection) -> None:
    mended = event(7, "page.viewed")
    on_kafka("send", "-", stdin=lines(b"{half", mended))
    listed = on_kafka("dead-letters", "list")
    assert listed.stdout.split()[0] == "0-0"
    assert "malformed_json" in listed.stdout
    assert on_kafka("dead-letters", "show", "0-0", "--original").stdout == "{half\n"
    shown = json.loads(on_kafka("dead-letters", "show", "0-0").stdout)
    assert (shown["id"], shown["line"], shown["reason"]) == ("0-0", 1, "malformed_json")
    again = on_kafka("dead-letters", "redrive", "0-0")
    assert (again.returncode, again.stdout) == (1, "0 taken now, 1 refused again.\n")


def test_what_a_worker_refused_goes_back_as_it_came(
    on_kafka: Baton, made: Connection, put: Put
) -> None:
    came = event(1, "lead.claimed", to="nina")
    headers = [(f"ce_{name}", str(text).encode()) for name, text in came.items() if name != "data"]
    data = json.dumps(came["data"]).encode()
    refusal = Refusal("unknown_person", "nina is nobody.", "data.to")
    for offset in (4, 4, 5):
        letter = letter_record(
            dead_letter(refusal, data), Position(made.topics.activity, 2, offset), headers
        )
        put(made.topics.dead_letters, letter)
    listed = [
        json.loads(line) for line in on_kafka("dead-letters", "list", "--json").stdout.splitlines()
    ]
    assert [(each["id"], each["offset"]) for each in listed] == [("0-0", 4), ("0-2", 5)]
    done = on_kafka("dead-letters", "redrive", "--all")
    assert (done.returncode, done.stdout) == (0, "2 taken now, 0 refused again.\n")
    assert sent(made) == ["e-1", "e-1"]
    (first, _) = read_all(made, made.topics.activity)
    assert (first.key, first.value) == (b"lead-1", data)
    empty = on_kafka("dead-letters", "list")
    assert "There are no dead letters." in empty.stderr
    assert on_kafka("dead-letters", "list", "--all").stdout.count("sent again") == 2
    missing = on_kafka("dead-letters", "redrive", "0-0", "0-99")
    assert missing.returncode == 2
    assert "No dead letter waits under 0-0, 0-99" in missing.stderr


@pytest.mark.parametrize("letter_id", ["1", "0-9", "9-0", "0-0x", "٣-0"])
def test_a_letter_that_is_not_there_is_said(
    on_kafka: Baton, made: Connection, letter_id: str
) -> None:
    refused = on_kafka("dead-letters", "show", letter_id)
    assert refused.returncode == 2
    assert f"There is no dead letter {letter_id}" in refused.stderr
