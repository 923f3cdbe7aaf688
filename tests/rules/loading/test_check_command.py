"""`baton check`, as it is called."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.check import command

ACME = Path(__file__).parents[3] / "rules" / "agreements" / "acme.yaml"
BAD = Path(__file__).parent / "bad"
HEAD = "agreement: Test\nversion: 1\ntimezone: Europe/Rome\n"


def check(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], input=stdin)


def test_a_sound_agreement_prints_no_findings():
    result = check(ACME)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"{ACME} is fine: Acme 2026 version 4, 7 clauses, ")


def test_errors_are_the_result_and_the_count_a_message():
    file = BAD / "undefined_team.bad.yaml"
    result = check(file)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{file}:13:14: error[undefined_team]: There is no team `itlay`. Did you mean `italy`?\n"
    )
    assert result.stderr == f"{file}: 1 error\n"


def test_warnings_alone_are_no_finding():
    result = check(BAD / "unused.bad.yaml")
    assert result.exit_code == 0
    assert result.stdout.count("warning[unused]") == 3
    assert result.stderr.endswith(": 3 warnings\n")


def test_json_for_machines():
    file = BAD / "undefined_person.bad.yaml"
    result = check(file, "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [row["column"] for row in rows] == [20, 41]
    assert rows[0] == {
        "file": str(file),
        "line": 11,
        "column": 20,
        "severity": "error",
        "code": "undefined_person",
        "sentence": "There is no person `anna`. Did you mean `ann`?",
    }
    assert json.loads(check(ACME, "--json").stdout) == []


def test_a_file_full_of_errors_is_not_told_whole():
    source = HEAD + "people:\n" + "".join(f"  p{n}: {{capacity: x}}\n" for n in range(700))
    result = check("-", stdin=source)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 500
    assert result.stderr.splitlines() == ["and 200 more", "<stdin>: 700 errors"]
    assert len(json.loads(check("-", "--json", stdin=source).stdout)) == 700


def test_several_files_are_all_checked():
    result = check(BAD / "tag.bad.yaml", ACME, BAD / "alias.bad.yaml")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert len(result.stderr.splitlines()) == 3


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_bad_input(tmp_path, name):
    result = check(tmp_path / name, BAD / "tag.bad.yaml")
    assert result.exit_code == 2
    assert "error[tag]" in result.stdout
    assert f"{tmp_path / name}: " in result.stderr


def test_no_file_is_bad_usage():
    assert check().exit_code == 2


def test_the_standard_input():
    result = check("-", stdin=HEAD.replace("Rome", "Roma"))
    assert result.exit_code == 1
    assert result.stdout.startswith("<stdin>:3:11: error[unknown_timezone]: ")


def test_a_file_too_large_to_read_is_refused_without_reading_it_whole(tmp_path):
    file = tmp_path / "large.yaml"
    with file.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    result = check(file)
    assert result.exit_code == 1
    assert "error[too_large]" in result.stdout
