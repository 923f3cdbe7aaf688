"""`baton explain`: a lead's whole story with its reasons, and nothing that harms a terminal."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from streams.cli import main

EVIL: Final = "x\x1b[31m\x07\u202eevil\u2066\r\n\x9b2J\u200b" + "é" * 3_000
Explain = Callable[..., Result]


def event(number: int, kind: str, clock: str, subject: str = "lead-1", **data: Any) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"e-{number}",
            "source": "/web",
            "type": kind,
            "subject": subject,
            "time": f"2026-03-02T{clock}:00+01:00",
            "data": data,
        }
    ).encode()


LIFE: Final = (
    event(1, "lead.captured", "09:00", country="IT", industry="logistics", employees=80),
    event(2, "page.viewed", "09:05", asset="/pricing"),
    event(3, "pricing.viewed", "09:06", asset="/pricing"),
    event(4, "webinar.attended", "09:10", asset="one"),
    event(5, "webinar.attended", "09:11", asset="two"),
    event(6, "ebook.downloaded", "09:12", asset="guide"),
    event(7, "demo.requested", "09:30", subject="lead-2"),
    event(8, "lead.attempted", "12:30", channel="call", outcome="no_answer", by="lucia"),
)


@pytest.fixture
def explain(acme_path: Path, tmp_path: Path) -> Explain:
    def explained(*arguments: str, lines: tuple[bytes, ...] = LIFE, lead: str = "lead-1") -> Result:
        file = tmp_path / "events.jsonl"
        file.write_bytes(b"".join(each + b"\n" for each in lines))
        command = ["explain", lead, "--agreement", str(acme_path), *arguments, str(file)]
        return CliRunner().invoke(main, command)

    return explained


def test_the_story_tells_events_decisions_and_reasons_in_order(explain: Explain) -> None:
    told = explain()
    assert told.exit_code == 0, told.output
    story = told.stdout
    places = [
        story.index(words)
        for words in (
            "lead captured",
            "webinar attended (two)",
            "ebook downloaded (guide)",
            "is hot now",
            "webinar.attended: 2 of 2 needed",
            "enters stage sql",
            "assigned to Lucia Sala",
            "it is lucia's turn in team italy",
            "15 minutes in calendar office counted over Mon 2 Mar 2026 09:12–09:27",
            "promise broken, first contact, hot",
            "reassigned from lucia to marco",
            "lead attempted (call, no_answer, by Lucia Sala)",
            "promise kept late, first contact, hot (Marco Neri)",
            "Where lead-1 stands on Mon 2 Mar 2026 12:30",
        )
    ]
    assert places == sorted(places)


def test_the_standing_shows_the_arithmetic_of_points(explain: Explain) -> None:
    story = explain().stdout
    standing = story[story.index("Where lead-1 stands") :]
    for words in (
        "employees: 80",
        "hot by touches",
        "horizon says nothing",
        "1.0 points from the 1 page.viewed at 1, at most 5, halving every 30 days",
        "10.0 points from the 1 pricing.viewed at 10, halving every 30 days",
        "11 points in all",
        "with marco (team italy)",
        "1 in this cycle: 1 call",
    ):
        assert words in standing


def test_only_the_lead_asked_for_is_told_of(explain: Explain) -> None:
    assert "lead-2" not in explain().stdout
    assert "lead-1" not in explain(lead="lead-2").stdout


def test_time_runs_on_to_until(explain: Explain) -> None:
    told = explain("--until", "2026-10-01T00:00:00Z")
    assert "is hot now" in told.stdout
    assert "Where lead-1 stands on Thu 1 Oct 2026 02:00" in told.stdout
    assert "has no temperature any more" in told.stdout
    assert "has no temperature any more" not in explain().stdout


def test_machines_get_the_same_story(explain: Explain) -> None:
    told = json.loads(explain("--json").stdout)
    kinds = [each["type"] for each in told["story"]]
    given = [each for each in told["story"] if each["source"] == "/web"]
    assert [each["id"] for each in given] == ["e-1", "e-2", "e-3", "e-4", "e-5", "e-6", "e-8"]
    decided = [each for each in told["story"] if each["source"] == "/baton/acme-2026@4"]
    assert len(decided) + len(given) == len(kinds)
    assert [each["sequence"] for each in decided] == list(range(1, len(decided) + 1))
    assert all(each["data"]["because"] for each in decided)
    assert kinds[1:3] == ["page.viewed", "lead.temperature_changed"]
    assert told["at"] == "2026-03-02T11:30:00Z"
    assert "11 points in all" in " ".join(told["standing"]["temperature"])


def test_hidden_characters_are_escaped_and_long_names_cut(explain: Explain) -> None:
    evil: dict[str, Any] = {EVIL: EVIL, "deep": {"a": [EVIL]}, "big": 1e300}
    lines = (
        event(1, "lead.captured", "09:00", name=EVIL, job_title=EVIL, company=EVIL, account=EVIL),
        event(2, "lead.updated", "09:01", **evil),
        event(3, "demo.requested", "09:02", asset=EVIL),
        event(4, "webinar.attended", "09:03", asset=EVIL),
        event(5, "ebook.downloaded", "09:04", asset=EVIL),
        event(6, "lead.attempted", "09:05", channel="call", outcome=EVIL),
        event(7, "opportunity.opened", "09:06", value=1e17, currency=EVIL),
        event(8, "deal.lost", "09:07", reason=EVIL, comment=EVIL),
    )
    told = explain(lines=lines)
    assert told.exit_code == 0, told.output
    assert all(each.isprintable() for each in told.stdout.splitlines())
    assert "\\u001b[31m\\u0007\\u202eevil\\u2066\\u000d\\u000a\\u009b2J\\u200b" in told.stdout
    assert max(map(len, told.stdout.splitlines())) < 1_000
    machines = json.loads(explain("--json", lines=lines).stdout)
    assert machines["story"][0]["data"]["name"] == EVIL


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        ("lead-3", "No event of the file is about lead 'lead-3'. Did you mean lead-"),
        ("nobody", "No event of the file is about lead 'nobody'. It holds 2 leads."),
        ("", "No event of the file is about lead ''."),
        ("a\x1b[2J\u202eb", "lead 'a\\u001b[2J\\u202eb'."),
    ],
)
def test_an_unknown_lead_is_bad_usage(lead: str, said: str, explain: Explain) -> None:
    told = explain(lead=lead)
    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr
    assert "\x1b" not in told.stderr


def test_one_lead_is_counted_as_one(explain: Explain) -> None:
    assert "It holds 1 lead." in explain(lead="nobody", lines=LIFE[:2]).stderr


def test_refused_lines_are_counted_and_left_out(explain: Explain) -> None:
    told = explain(lines=(b"{nope", *LIFE, b"[1]"))
    assert told.stderr == ("2 lines of the file could not be taken; 'baton replay' says why.\n")
    assert told.stdout == explain().stdout


def test_a_repeated_event_is_told_once(explain: Explain) -> None:
    assert explain(lines=(*LIFE, *LIFE)).stdout == explain().stdout


def test_a_new_year_stands_on_a_line_of_its_own(explain: Explain) -> None:
    later = event(9, "webinar.attended", "10:00").replace(b"2026-03-02", b"2027-01-02")
    story = explain(lines=(*LIFE, later)).stdout.split("\nWhere lead-1", 1)[0].splitlines()
    assert "2026" not in story
    assert story.count("2027") == 1
    place = story.index("2027")
    dated = re.compile(r"[A-Z][a-z]{2} [ \d]\d ([A-Z][a-z]{2}) ")
    before = {match[1] for line in story[:place] if (match := dated.match(line))}
    after = {match[1] for line in story[place:] if (match := dated.match(line))}
    assert "Mar" in before
    assert "Jan" not in before
    assert after == {"Jan"}
