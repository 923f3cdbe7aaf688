"""`baton due`: its answers, its two forms, and how it refuses (contract, section 4)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.due import command

AGREEMENT = """\
agreement: Acme 2026
version: 1
timezone: Europe/Rome
calendars:
  office:
    timezone: Europe/Rome
    hours: {mon-thu: "09:00-13:00 14:00-18:00", fri: "09:00-13:00"}
  warsaw:
    timezone: Europe/Warsaw
    hours: {mon-fri: "08:00-16:00"}
"""


@pytest.fixture
def agreement(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(AGREEMENT, encoding="utf-8")
    return file


def due(file: Path, *args: str, calendar: str = "office", start: str = "") -> Result:
    start = start or "2026-03-02T12:30:00+01:00"
    fixed = ["--agreement", str(file), "--calendar", calendar, "--from", start]
    return CliRunner().invoke(command, [*fixed, *args])


def test_json_gives_the_due_instant_and_the_intervals_counted(agreement):
    result = due(agreement, "--within", "1h", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "due": "2026-03-02T13:30:00Z",
        "intervals": [
            ["2026-03-02T11:30:00Z", "2026-03-02T12:00:00Z"],
            ["2026-03-02T13:00:00Z", "2026-03-02T13:30:00Z"],
        ],
    }


def test_json_with_until_gives_the_working_seconds(agreement):
    result = due(agreement, "--until", "2026-03-02T15:00:00.5+01:00", "--json")
    assert json.loads(result.stdout) == {
        "working_s": 5400.5,
        "intervals": [
            ["2026-03-02T11:30:00Z", "2026-03-02T12:00:00Z"],
            ["2026-03-02T13:00:00Z", "2026-03-02T14:00:00.500000Z"],
        ],
    }


def test_whole_working_seconds_are_whole_numbers(agreement):
    result = due(agreement, "--until", "2026-03-02T15:00+01:00", "--json")
    assert '"working_s": 5400,' in result.stdout


def test_an_end_before_the_start_is_no_working_time(agreement):
    result = due(agreement, "--until", "2026-03-01T15:00:00Z", "--json")
    assert json.loads(result.stdout) == {"working_s": 0, "intervals": []}


def test_days_are_working_days_and_always_is_wall_time(agreement):
    friday = "2026-03-06T10:00:00+01:00"
    office = due(agreement, "--within", "1d", "--json", start=friday)
    always = due(agreement, "--within", "1d", "--json", start=friday, calendar="always")
    assert json.loads(office.stdout)["due"] == "2026-03-09T09:00:00Z"
    assert json.loads(always.stdout) == {
        "due": "2026-03-07T09:00:00Z",
        "intervals": [["2026-03-06T09:00:00Z", "2026-03-07T09:00:00Z"]],
    }


def test_people_read_local_time_and_a_running_total(agreement):
    result = due(agreement, "--within", "1h")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Due    Mon 2 Mar 2026 14:30 in Europe/Rome  (2026-03-02T13:30:00Z)",
        "       1 hour of 'office' from Mon 2 Mar 2026 12:30",
        "",
        "working from            until                   length        in all",
        "Mon 2 Mar 2026 12:30    Mon 2 Mar 2026 13:00    30 min        30 min",
        "Mon 2 Mar 2026 14:00    Mon 2 Mar 2026 14:30    30 min        1 h",
    ]


def test_people_read_how_much_was_worked(agreement):
    result = due(agreement, "--until", "2026-03-02T14:15:00+01:00")
    assert result.stdout.splitlines()[:2] == [
        "Worked 45 min (2700 s) of 'office'",
        "       Mon 2 Mar 2026 12:30 to Mon 2 Mar 2026 14:15 in Europe/Rome",
    ]


def test_people_are_told_when_nothing_was_counted(agreement):
    result = due(agreement, "--until", "2026-03-02T13:30+01:00", start="2026-03-02T13:00+01:00")
    assert result.stdout.splitlines()[-1] == "No working time was counted."


def test_always_is_shown_in_the_agreements_zone(agreement):
    result = due(agreement, "--within", "30m", calendar="always")
    assert result.stdout.startswith("Due    Mon 2 Mar 2026 13:00 in Europe/Rome")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "neither was given"),
        (("--within", "1h", "--until", "2026-03-03T10:00:00Z"), "both were given"),
        (("--within", "90"), "'90' is not a duration"),
        (("--within", "1.5h"), "Write minutes as 15m"),
        (("--within", "9999999d"), "more than can be counted"),
        (("--until", "2026-03-03T10:00"), "has no offset"),
        (("--until", "soon"), "'soon' is not a date and time"),
        (("--until", "2026-02-30T10:00:00Z"), "is not a date and time"),
        (("--until", "9999-12-31T23:00:00-05:00"), "is not from 1970 to 2100"),
    ],
)
def test_bad_usage_says_what_to_write_instead(agreement, args, said):
    result = due(agreement, *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_a_start_without_an_offset_is_refused_with_an_example(agreement):
    result = due(agreement, "--within", "1h", start="2026-03-02")
    assert result.exit_code == 2
    assert "2026-03-02T09:00+01:00" in result.stderr


def test_an_unknown_calendar_is_answered_with_the_known_ones(agreement):
    result = due(agreement, "--within", "1h", calendar="ofice")
    assert result.exit_code == 2
    assert "Did you mean 'office'?" in result.stderr
    assert "always, office, warsaw" in result.stderr


def test_a_faulty_agreement_is_a_finding_that_names_its_line(agreement):
    agreement.write_text(AGREEMENT.replace("timezone: Europe/Warsaw", "timezone: Europe/Warsav"))
    result = due(agreement, "--within", "1h")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "acme.yaml:9:" in result.stderr
    assert "error[" in result.stderr


def test_a_missing_file_is_bad_usage(tmp_path):
    result = due(tmp_path / "none.yaml", "--within", "1h")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
