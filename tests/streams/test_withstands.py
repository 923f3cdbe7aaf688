"""What `baton replay` and `baton check` withstand, in processes of their own, from files.

Every hostile line costs itself and nothing else; every hostile agreement gets
its diagnostics, soon and in little memory; no fault of the user gives a traceback.
"""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from streams.cli import main

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = (sys.executable, "-c", "from streams.cli import main; main(prog_name='baton')")
MEMORY: Final = 512 * 1024 * 1024
SOON_S: Final = 30
"""Long enough for a slow machine; a line or a file that bites takes minutes."""


def event(number: object, kind: str, minute: int = 0, **changes: Any) -> dict[str, Any]:
    at = datetime(2026, 3, 2, 8, 15, tzinfo=UTC) + timedelta(minutes=minute)
    base = {"specversion": "1.0", "id": f"e-{number}", "source": "/web", "type": kind}
    return {**base, "subject": "lead-1", "time": at.isoformat(), **changes}


def line(number: object, kind: str, minute: int = 0, **changes: Any) -> bytes:
    return json.dumps(event(number, kind, minute, **changes)).encode()


FIT: Final = {"country": "IT", "industry": "logistics", "employees": 80}
GOOD: Final = (
    line(1, "lead.captured", 0, data=FIT),
    line(2, "demo.requested", 5),
    line(3, "webinar.attended", 10, data={"asset": "one"}),
    line(4, "webinar.attended", 11, data={"asset": "two"}),
    line(5, "ebook.downloaded", 12, data={"asset": "guide"}),
    line(6, "lead.attempted", 190, data={"channel": "call", "by": "lucia"}),
    line(7, "lead.rejected", 1600, data={"reason": "timing", "by": "lucia"}),
)


def touch(asset: bytes) -> bytes:
    """A touch with the asset spelled as these bytes."""
    return line("x", "page.viewed", data={"odd": "@"}).replace(b'"@"', asset)


def without(name: str) -> bytes:
    return json.dumps({k: v for k, v in event("x", "page.viewed").items() if k != name}).encode()


def odd(kind: str = "page.viewed", **changes: Any) -> bytes:
    return line("x", kind, **changes)


HOSTILE: Final[dict[str, tuple[str, bytes]]] = {
    "no JSON": ("malformed_json", b"{nope"),
    "half a line": ("malformed_json", GOOD[0][:60]),
    "two on a line": ("malformed_json", GOOD[0] + GOOD[1]),
    "a trailing comma": ("malformed_json", GOOD[0][:-1] + b",}"),
    "a comment": ("malformed_json", b"// nothing"),
    "null bytes": ("malformed_json", b"\0\0\0"),
    "a list": ("not_an_object", b"[1]"),
    "null": ("not_an_object", b"null"),
    "over 256 KiB": ("too_large", touch(b'"' + b"a" * 262_144 + b'"')),
    "2 MB": ("too_large", touch(b'"' + b"a" * 2_000_000 + b'"')),
    "33 deep": ("too_deep", touch(b"[" * 31 + b"]" * 31)),
    "100,000 deep": ("too_deep", touch(b"[" * 100_000 + b"]" * 100_000)),
    "200,000 open brackets": ("too_deep", b"[" * 200_000),
    "NaN": ("not_finite", touch(b"NaN")),
    "Infinity": ("not_finite", touch(b"-Infinity")),
    "1e400": ("not_finite", touch(b"1e400")),
    "5,000 digits": ("not_finite", touch(b"9" * 5_000)),
    "a lone surrogate": ("not_unicode", touch(b'"\\ud800"')),
    "a lone low surrogate": ("not_unicode", touch(b'"\\udc00x"')),
    "a surrogate key": ("not_unicode", touch(b'{"\\ud800":1}')),
    "surrogate bytes": ("not_unicode", touch(b'"\xed\xa0\x80"')),
    "latin-1": ("not_unicode", touch(b'"caf\xe9"')),
    "an overlong slash": ("not_unicode", touch(b'"\xc0\xaf"')),
    "all bytes": ("not_unicode", bytes(each for each in range(256) if each not in (10, 13))),
    "no subject": ("missing_attribute", without("subject")),
    "no time": ("missing_attribute", without("time")),
    "nothing at all": ("missing_attribute", b"{}"),
    "an empty id": ("invalid_attribute", odd(id="")),
    "a long id": ("invalid_attribute", odd(id="x" * 513)),
    "a list for a subject": ("invalid_attribute", odd(subject=["lead-1"])),
    "another version": ("invalid_attribute", odd(specversion="0.3")),
    "a null in an id": ("invalid_attribute", odd(id="a\0b")),
    "an escape in a subject": ("invalid_attribute", odd(subject="lead\x1b[31m-1")),
    "a newline in a subject": ("invalid_attribute", odd(subject="lead-1\n")),
    "a bidi mark in a subject": ("invalid_attribute", odd(subject="lead\u202e-1")),
    "a bidi mark in a type": ("invalid_attribute", odd("page\u2066.viewed")),
    "a C1 control in a source": ("invalid_attribute", odd(source="/web\x9b")),
    "binary data": ("invalid_attribute", odd(data_base64="AA==")),
    "no offset": ("invalid_time", odd(time="2026-03-02T09:15:00")),
    "a date alone": ("invalid_time", odd(time="2026-03-02")),
    "a number for a time": ("invalid_time", odd(time=1772000000)),
    "30 February": ("invalid_time", odd(time="2026-02-30T00:00:00Z")),
    "1969": ("invalid_time", odd(time="1969-12-31T23:59:59Z")),
    "2101": ("invalid_time", odd(time="2101-01-01T00:00:00Z")),
    "the year 10000": ("invalid_time", odd(time="10000-01-01T00:00:00Z")),
    "a day ahead": (
        "invalid_time",
        odd(time="2026-03-04T00:00:00Z", receivedat="2026-03-02T09:00:00Z"),
    ),
    "a stamp that is none": ("invalid_time", odd(receivedat="today")),
    "a typing error": ("unknown_type", odd("lead.capturd")),
    "a decision": ("unknown_type", odd("sla.breached")),
    "a bare prefix": ("unknown_type", odd("deal.")),
    "data that is a list": ("invalid_data", odd(data=[1])),
    "a number as text": ("invalid_data", odd("lead.captured", data={"employees": "80"})),
    "true for a number": ("invalid_data", odd("lead.captured", data={"employees": True})),
    "1e300 employees": ("invalid_data", odd("lead.captured", data={"employees": 1e300})),
    "no channel": ("invalid_data", odd("lead.attempted", data={})),
    "a channel that is none": ("invalid_data", odd("lead.attempted", data={"channel": "fax"})),
    "six stars": ("invalid_data", odd("lead.feedback", data={"rating": 6})),
    "until tomorrow": ("invalid_data", odd("lead.paused", data={"until": "tomorrow"})),
    "spent nothing": ("invalid_data", odd("campaign.spend", subject="ads")),
    "an unknown person": ("unknown_person", odd("lead.accepted", data={"by": "Zoë"})),
    "an unknown rep": ("unknown_person", odd("rep.away", subject="zoe")),
    "moved to nobody": ("unknown_person", odd("lead.reassigned", data={"to": "nobody"})),
    "an unknown reason": ("unknown_reason", odd("lead.rejected", data={"reason": "mood"})),
    "an unknown clause": ("unknown_clause", odd("sla.acknowledged", data={"clause": "first"})),
}


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(
    *arguments: object, cwd: Path = ROOT, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`baton` with these arguments, with little memory and time."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        timeout=SOON_S,
        preexec_fn=limited,
        cwd=cwd,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def written(folder: Path, content: bytes, name: str = "events.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def joined(lines: Sequence[bytes], ends: bytes = b"\n") -> bytes:
    return b"".join(each + ends for each in lines)


@pytest.fixture(scope="module")
def decided(acme_path: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the good lines alone come to."""
    file = written(tmp_path_factory.mktemp("good"), joined(GOOD))
    done = run("replay", "--agreement", acme_path, file)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") > 20
    return done.stdout


def test_hostile_lines_between_good_ones_harm_nobody(
    acme_path: Path, decided: bytes, tmp_path: Path
) -> None:
    lines: list[bytes] = []
    for place, (_, bad) in enumerate(HOSTILE.values()):
        lines += [bad, *GOOD[place : place + 1]]
    done = run("replay", "--agreement", acme_path, written(tmp_path, joined(lines)))
    assert done.returncode == 1
    letters = [json.loads(each) for each in done.stderr.splitlines()]
    assert [each["reason"] for each in letters] == [reason for reason, _ in HOSTILE.values()]
    numbers = [number for number, each in enumerate(lines, 1) if each not in GOOD]
    assert [each["line"] for each in letters] == numbers
    assert done.stderr.decode().replace("\n", "").isprintable()
    assert done.stdout == decided


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_refused_with_its_reason(
    name: str, acme_path: Path, decided: bytes, tmp_path: Path
) -> None:
    reason, bad = HOSTILE[name]
    file = written(tmp_path, joined([*GOOD[:3], bad, *GOOD[3:]]))
    done = CliRunner().invoke(main, ["replay", "--agreement", str(acme_path), str(file)])
    assert done.exit_code == 1
    (letter,) = [json.loads(each) for each in done.stderr.splitlines()]
    assert (letter["reason"], letter["line"]) == (reason, 4)
    assert letter["sentence"].isprintable()
    assert letter["sentence"].endswith(".")
    assert len(letter["sentence"]) < 500
    assert done.stdout_bytes == decided


def test_a_line_of_100_megabytes_is_never_held(
    acme_path: Path, decided: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.write(joined(GOOD[:2]))
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + joined(GOOD[2:]))
    done = run("replay", "--agreement", acme_path, path)
    path.unlink()
    assert done.stdout == decided
    assert json.loads(done.stderr)["reason"] == "too_large"
    assert len(done.stderr) < 600_000


FORMS: Final = {
    "a byte order mark": b"\xef\xbb\xbf" + joined(GOOD),
    "line ends of Windows": joined(GOOD, b"\r\n"),
    "no line end at last": joined(GOOD)[:-1],
    "blank lines": b"\n \n\t\n" + joined(GOOD, b"\n\r\n\n") + b"  ",
    "every line twice": joined([*GOOD, *GOOD]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_file_make_no_difference(
    form: str, acme_path: Path, decided: bytes, tmp_path: Path
) -> None:
    file = written(tmp_path, FORMS[form])
    done = CliRunner().invoke(main, ["replay", "--agreement", str(acme_path), str(file)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout_bytes == decided


def test_stdin_is_read_as_a_file_is(acme_path: Path, decided: bytes) -> None:
    done = run("replay", "--agreement", acme_path, "-", given=joined(GOOD))
    assert (done.returncode, done.stdout) == (0, decided)


@pytest.mark.parametrize("content", [b"", b"\n \n\r\n"])
def test_an_empty_file_comes_to_nothing(content: bytes, acme_path: Path, tmp_path: Path) -> None:
    done = run("replay", "--agreement", acme_path, written(tmp_path, content))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("file", ["missing.jsonl", "."])
def test_what_is_no_file_is_bad_usage(file: str, acme_path: Path, tmp_path: Path) -> None:
    good = written(tmp_path, joined(GOOD))
    for arguments in (
        ["replay", "--agreement", acme_path, file],
        ["replay", "--agreement", file, good],
        ["explain", "lead-1", "--agreement", acme_path, file],
        ["check", file],
    ):
        done = run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, b"")
        assert file.encode() in done.stderr


def test_a_reader_that_leaves_is_no_accident(acme_path: Path, tmp_path: Path) -> None:
    lines = [line(n, "demo.requested", subject=f"lead-{n}") for n in range(2_000)]
    file = written(tmp_path, joined(lines))
    process = subprocess.Popen(
        [*PROGRAM, "replay", "--agreement", str(acme_path), str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert json.loads(process.stdout.readline())["sequence"] == 1
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.wait(timeout=SOON_S) != 0


def test_an_interruption_ends_it_with_a_word(acme_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "replay", "--agreement", str(acme_path), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    # The dead letter on stderr shows that it is at work.
    process.stdin.write(b"nonsense\n" * 300)
    process.stdin.flush()
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=SOON_S)
    assert json.loads(first)["reason"] == "malformed_json"
    assert b"Traceback" not in rest
    assert rest.endswith(b"Aborted!\n")
    assert process.returncode == 130


@pytest.mark.parametrize(
    "until", ["soon", "2026-05-01", "2026-05-01T00:00:00", "3000-01-01T00:00:00Z", ""]
)
def test_an_until_that_is_no_instant_is_bad_usage(until: str, acme_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["replay", "--agreement", str(acme_path), "--until", until, "-"]
    )
    assert done.exit_code == 2
    assert "Invalid value for '--until': " in done.stderr


def test_an_until_gone_by_changes_nothing(acme_path: Path, decided: bytes) -> None:
    until = ["--until", "2020-01-01T00:00:00Z"]
    done = run("replay", "--agreement", acme_path, *until, "-", given=joined(GOOD))
    assert (done.returncode, done.stdout) == (0, decided)


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2100-12-31T23:59:59Z"])
def test_the_ends_of_time_are_withstood(time: str, acme_path: Path, tmp_path: Path) -> None:
    lines = [
        line(1, "lead.captured", time=time, data={**FIT, "purchase_horizon_months": 3}),
        line(2, "lead.attempted", time=time, data={"channel": "call"}),
        line(3, "lead.rejected", time=time, data={"reason": "timing"}),
        line(4, "deal.won", time=time),
    ]
    file = written(tmp_path, joined(lines))
    end = ["--until", "2100-12-31T23:59:59Z"]
    done = run("replay", "--agreement", acme_path, *end, file)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"deal.won" in done.stdout
    assert run("explain", "lead-1", "--agreement", acme_path, *end, file).returncode == 0


def test_a_log_whose_time_goes_back_stands_still(acme_path: Path, tmp_path: Path) -> None:
    stamps = ["2026-03-05T10:00:00Z", "2026-03-02T09:00:00Z", "2026-03-04T09:00:00Z"]
    lines = [
        line(number, "demo.requested", receivedat=stamp, subject=f"lead-{number}")
        for number, stamp in enumerate(stamps)
    ]
    done = run("replay", "--agreement", acme_path, written(tmp_path, joined(lines)))
    assert done.returncode == 0
    times = {json.loads(each)["time"] for each in done.stdout.splitlines()}
    assert times == {"2026-03-05T10:00:00Z"}


HEAD: Final = "agreement: Test\nversion: 1\ntimezone: Europe/Rome\n"
CALENDAR: Final = "calendars:\n  desk: {timezone: Europe/Rome, hours: {mon: '09:00-17:00'}}\n"
BAD_AGREEMENTS: Final[dict[str, tuple[str, str]]] = {
    "an alias": ("alias", HEAD + "parties: &p {sales: {}}\npeople: *p\n"),
    "a bomb": (
        "alias",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    ),
    "a key twice": ("duplicate_key", HEAD + "version: 2\n"),
    "a merge": ("merge_key", HEAD + "people:\n  <<: {a: {}}\n"),
    "an unknown key": ("unknown_key", HEAD + "tempreature: {}\n"),
    "a sexagesimal": ("wrong_type", HEAD.replace("version: 1", "version: 12:30")),
    "an octal": ("wrong_type", HEAD.replace("version: 1", "version: 0123")),
    "not a number": ("wrong_type", HEAD.replace("version: 1", "version: .nan")),
    "no object is made": ("tag", HEAD + "people: !!python/object/apply:os.system [id]\n"),
    "100,000 brackets": ("too_deep", HEAD + "people: " + "[" * 100_000),
    "5 MB": ("too_large", "#" * 5_000_000),
    "no open minute": ("never_open", HEAD + CALENDAR.replace("{mon: '09:00-17:00'}", "{}")),
    "an empty team": (
        "empty_team",
        HEAD + "routing: {at: sql, teams: {a: {members: [], by: round_robin}}, rules: []}\n",
    ),
    "no weight": (
        "no_weight",
        HEAD
        + "people: {ann: {weight: 0}}\n"
        + "routing: {at: sql, teams: {a: {members: [ann], by: round_robin}}, rules: [{team: a}]}\n",
    ),
    "an unknown zone": ("unknown_timezone", HEAD.replace("Europe/Rome", "../../etc/passwd")),
}


@pytest.mark.parametrize("name", BAD_AGREEMENTS)
def test_a_bad_agreement_is_told_and_never_used(name: str, tmp_path: Path) -> None:
    code, text = BAD_AGREEMENTS[name]
    file = written(tmp_path, text.encode(), "bad.yaml")
    checked = CliRunner().invoke(main, ["check", str(file)])
    assert checked.exit_code == 1
    assert f": error[{code}]: " in checked.stdout
    replayed = run("replay", "--agreement", file, "-", given=joined(GOOD))
    assert (replayed.returncode, replayed.stdout) == (1, b"")
    assert f": error[{code}]: " in replayed.stderr.decode()
