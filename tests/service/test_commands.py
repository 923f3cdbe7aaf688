"""The commands on a running store: `send`, `dead-letters`, `explain`, `backup`, `restore`."""

import json
import signal
from pathlib import Path
from typing import Any

from streams import clock
from tests.service.processes import Baton, Start, Up, event


def write(path: Path, *lines: dict[str, Any] | str) -> str:
    """A file with these lines; its name."""
    written = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{line}\n" for line in written))
    return path.name


def claimed(number: int, to: str) -> dict[str, Any]:
    return event(number, "lead.claimed", to=to)


def test_a_file_is_sent_what_is_bad_is_kept_and_the_rest_is_unharmed(
    up: Start, baton: Baton, tmp_path: Path
) -> None:
    service = up()
    good = [event(number, "page.viewed", f"lead-{number}") for number in range(600)]
    lines: list[dict[str, Any] | str] = [*good[:300], "{half", *good[300:], claimed(700, "nobody")]
    file = write(tmp_path / "events.jsonl", *lines)
    done = baton("send", file, url=service.url)
    assert done.returncode == 1
    assert done.stdout == (
        "600 events taken, 2 lines refused and kept as dead letters (`baton dead-letters list`).\n"
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(each["line"], each["reason"]) for each in told] == [
        (301, "malformed_json"),
        (602, "unknown_person"),
    ]
    again = baton("send", "--json", file, url=service.url)
    assert json.loads(again.stdout) == {"accepted": 0, "duplicates": 600, "refused": 2}


def test_without_a_store_at_hand_refused_lines_are_kept_beside_the_file(
    up: Start, baton: Baton, tmp_path: Path
) -> None:
    service = up(store="elsewhere.db")
    file = write(tmp_path / "events.jsonl", "{half", event(1, "page.viewed"))
    done = baton("send", file, url=service.url)
    assert done.stdout == "1 event taken, 1 line refused and kept in events.jsonl.refused.jsonl.\n"
    kept = (tmp_path / "events.jsonl.refused.jsonl").read_text()
    assert json.loads(kept)["original"] == "{half"


def test_a_store_that_is_none_keeps_nothing_and_is_left_alone(baton: Baton, tmp_path: Path) -> None:
    (tmp_path / "baton.db").write_text("minutes of the meeting\n" * 1_000)
    refused = baton("send", write(tmp_path / "events.jsonl", "{half"))
    assert refused.returncode == 2
    assert "What is refused can't be kept" in refused.stderr
    assert (tmp_path / "baton.db").read_text().startswith("minutes of the meeting")


def test_what_is_no_service_is_said_to_be_none(up: Start, baton: Baton, tmp_path: Path) -> None:
    service = up()
    file = write(tmp_path / "events.jsonl", claimed(1, "nobody"))
    assert baton("send", file, url=service.url).returncode == 1
    for command in (("send", file), ("dead-letters", "redrive", "--all")):
        refused = baton(*command, url=f"{service.url}/other")
        assert refused.returncode == 2
        assert "is not baton. Set BATON_URL" in refused.stderr


def test_a_dead_letter_is_sent_again_once_the_agreement_takes_it(
    up: Start, baton: Baton, acme_path: Path, tmp_path: Path
) -> None:
    service = up()
    file = write(tmp_path / "events.jsonl", "{half", claimed(1, "nina"))
    baton("send", file, url=service.url)
    listed = baton("dead-letters", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["reason"] for line in listed] == ["malformed_json", "unknown_person"]
    shown = baton("dead-letters", "show", "2", "--original")
    assert json.loads(shown.stdout) == claimed(1, "nina")
    service.stop()

    with_nina = acme_path.read_text().replace("\npeople:", "\npeople:\n  nina: {name: Nina}", 1)
    (tmp_path / "nina.yaml").write_text(with_nina)
    again = up(agreement="nina.yaml")
    done = baton("dead-letters", "redrive", "--all", url=again.url)
    assert (done.returncode, done.stdout) == (1, "1 taken now, 1 refused again.\n")
    waiting = baton("dead-letters", "list").stdout.splitlines()
    assert [line.split()[:1] for line in waiting] == [["1"]]
    assert len(baton("dead-letters", "list", "--all").stdout.splitlines()) == 2
    assert again.client.get("/leads/lead-1").status_code == 200


def test_dead_letters_must_be_named(baton: Baton, up: Start) -> None:
    up()
    assert baton("dead-letters", "redrive").returncode == 2
    refused = baton("dead-letters", "redrive", "7")
    assert refused.returncode == 2
    assert "No dead letter waits under 7" in refused.stderr
    assert baton("dead-letters", "show", "7").returncode == 2


def test_explain_tells_the_story_from_the_store_while_the_service_runs(
    up: Start, baton: Baton
) -> None:
    service = up()
    service.post(event(1, "demo.requested"), event(2, "demo.requested", "lead-2"))
    service.decided(3)
    told = baton("explain", "lead-1")
    assert told.returncode == 0, told.stderr
    places = [
        told.stdout.index(words)
        for words in (
            "demo requested",
            "enters stage sql (was contact)",
            "touched demo.requested",
            "assigned to",
            "promise running, first contact",
            "Where lead-1 stands on",
            "\n    stage sql",
            "first contact: running",
        )
    ]
    assert places == sorted(places)
    assert "lead-2" not in told.stdout
    story = json.loads(baton("explain", "lead-1", "--json").stdout)["story"]
    assert story[1:] == [each for each in service.decisions() if each["subject"] == "lead-1"]
    assert baton("explain", "lead-9").returncode == 2


def test_explain_tells_where_a_lead_stood_at_an_earlier_moment(up: Start, baton: Baton) -> None:
    service = up()
    recent = {"time": clock.now().isoformat()}
    service.post(event(1, "webinar.registered", asset="one") | recent)
    service.decided(2)
    service.post(event(2, "demo.requested"))
    later = service.decided(4)[-1]
    earlier = json.loads(baton("explain", "lead-1", "--json", "--at", before(later)).stdout)
    assert [each["type"] for each in earlier["story"]] == [
        "webinar.registered",
        "lead.temperature_changed",
        "lead.stage_changed",
    ]
    assert earlier["standing"]["handoff"] == ["stage lead"]


def before(decision: dict[str, Any]) -> str:
    """The microsecond before a decision that an event caused at once."""
    at: str = decision["time"]
    whole, fraction = at.removesuffix("Z").split(".")
    return f"{whole}.{int(fraction.ljust(6, '0')) - 1:06}Z"


def restored(up: Start, baton: Baton) -> tuple[Up, list[dict[str, Any]]]:
    """A service on what was restored of a backup of two, and what had been decided by then."""
    service = up()
    service.post(event(1, "demo.requested"))
    known = service.decided(3)
    assert baton("backup", "copy.db").returncode == 0
    service.post(event(2, "demo.requested", "lead-2"))
    assert baton("restore", "copy.db").returncode == 2, "the service is at work on the store"
    service.stop(signal.SIGKILL)
    assert baton("restore", "copy.db").returncode == 2, "there is a store, and no --force"
    done = baton("restore", "--force", "copy.db")
    assert (done.returncode, done.stderr) == (0, "")
    return up(), known


def test_a_backup_of_a_running_service_is_restored(up: Start, baton: Baton, tmp_path: Path) -> None:
    service, known = restored(up, baton)
    assert service.decisions() == known
    assert service.post(event(2, "demo.requested", "lead-2")).json()["accepted"] == 1
    assert (tmp_path / "baton.db.replaced").exists()


def test_a_backup_goes_over_no_file(up: Start, baton: Baton, tmp_path: Path) -> None:
    up()
    (tmp_path / "copy.db").write_text("mine")
    assert baton("backup", "copy.db").returncode == 2
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_without_a_store_every_command_says_so(baton: Baton) -> None:
    for command in (("explain", "lead-1"), ("dead-letters", "list"), ("backup", "copy.db")):
        refused = baton(*command)
        assert refused.returncode == 2
        assert "baton.db" in refused.stderr
        assert "Traceback" not in refused.stderr
