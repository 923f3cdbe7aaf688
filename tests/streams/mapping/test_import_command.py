"""`baton import` as it is used: files in, events out, refused rows said and kept."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.import_events import command

MAPPING = """\
source: /crm
timezone: Europe/Rome
events:
  - type: lead.captured
    subject: $id
    time: $created
    data:
      name: $name
      employees: {from: $employees, as: number}
"""
HEADER = "id,created,name,employees\n"
FIRST = "1,2026-03-02 09:00,Anna,50\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty directory that holds MAPPING as `m.yaml`."""
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(MAPPING, encoding="utf-8")

    def run(*arguments, stdin=None):
        return CliRunner().invoke(command, ["--mapping", "m.yaml", *arguments], input=stdin)

    return run


def write(name: str, text: str | bytes) -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def events_of(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_rows_become_events(run):
    result = run(write("crm.csv", HEADER + FIRST + '2,2026-03-02 10:00,"Rossi, ""Bea""\nB.",\n'))
    assert result.exit_code == 0
    first, second = events_of(result)
    assert first | {"id": ""} == {
        "specversion": "1.0",
        "id": "",
        "source": "/crm",
        "type": "lead.captured",
        "subject": "1",
        "time": "2026-03-02T08:00:00Z",
        "data": {"name": "Anna", "employees": 50},
    }
    assert second["data"] == {"name": 'Rossi, "Bea"\nB.'}
    assert result.stderr == "crm.csv: 2 rows gave 2 events.\n"
    assert not Path("crm.rejects.csv").exists()


def test_bad_rows_are_said_by_line_and_kept_and_the_rest_is_unharmed(run):
    bad = [
        "2,31/03/2026,Bea,1\n",
        "3,2026-03-02 09:00,short\n",
        '4,2026-03-02 09:00,"two\nlines",-1\n',
        ",2026-03-02 09:00,nobody,1\n",
    ]
    result = run(write("crm.csv", HEADER + FIRST + "".join(bad) + "5,2026-03-02 09:00,Eva,2\n"))
    assert result.exit_code == 1
    assert [event["subject"] for event in events_of(result)] == ["1", "5"]
    said = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in said[:4]] == [
        ["crm.csv:3", "refused[invalid_time]"],
        ["crm.csv:4", "refused[wrong_columns]"],
        ["crm.csv:5", "refused[invalid_data]"],
        ["crm.csv:7", "refused[missing_value]"],
    ]
    assert "employees" in said[2]
    assert "4 rows refused and kept in crm.rejects.csv" in said[4]
    kept = Path("crm.rejects.csv").read_text(encoding="utf-8")
    assert all(row in kept for row in bad)
    assert kept.splitlines()[0] == "baton_refused," + HEADER.strip()
    with Path("crm.rejects.csv").open(encoding="utf-8", newline="") as file:
        reasons = [row[0].split(":")[0] for row in csv.reader(file)]
    assert reasons[1:] == ["invalid_time", "wrong_columns", "invalid_data", "missing_value"]


def test_refused_rows_are_mended_and_imported_again(run):
    run(write("crm.csv", HEADER + FIRST + "2,today,Bea,1\n3,never,Eva,1\n"))
    kept = Path("crm.rejects.csv")
    kept.write_text(
        kept.read_text(encoding="utf-8").replace(",today,", ",2026-03-02 10:00,"), "utf-8"
    )
    again = run("crm.rejects.csv")
    assert again.exit_code == 1
    (event,) = events_of(again)
    whole = run(write("mended.csv", HEADER + "2,2026-03-02 10:00,Bea,1\n"))
    assert [event] == events_of(whole)
    still = Path("crm.rejects.rejects.csv").read_text(encoding="utf-8")
    assert still.count("baton_refused") == 1
    assert still.endswith('",3,never,Eva,1\n')


def test_a_repeated_row_is_refused_and_names_the_first(run):
    result = run(write("crm.csv", HEADER + FIRST + "2,2026-03-02 09:00,Bea,1\n" + FIRST))
    assert result.exit_code == 1
    assert len(events_of(result)) == 2
    assert "crm.csv:4: refused[duplicate_id]" in result.stderr
    assert "from line 2 already" in result.stderr


def test_a_row_is_refused_whole(run):
    Path("m.yaml").write_text(
        MAPPING.replace("    subject", "    id: $name\n    subject")
        + "  - {type: form.submitted, subject: $id, time: $created, id: $employees}\n",
        encoding="utf-8",
    )
    result = run(
        write("crm.csv", HEADER + FIRST + "1,2026-03-02 09:00,Bea,50\n1,2026-03-02 09:00,Bea,51\n")
    )
    assert [event["id"] for event in events_of(result)] == ["Anna", "50", "Bea", "51"]
    assert "crm.csv:3: refused[duplicate_id]" in result.stderr


def test_two_events_of_one_row_need_two_ids(run):
    Path("m.yaml").write_text(
        MAPPING.replace("    subject", "    id: $name\n    subject")
        + "  - {type: form.submitted, subject: $id, time: $created, id: $name}\n",
        encoding="utf-8",
    )
    result = run(write("crm.csv", HEADER + FIRST))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "two events with the id 'Anna'" in result.stderr


def test_what_the_border_would_refuse_is_refused_here(run):
    result = run(
        write("crm.csv", f"{HEADER}a\u202eb,2026-03-02 09:00,x,1\n3,1969-01-01 09:00,x,1\n")
    )
    assert result.exit_code == 1
    assert "crm.csv:2: refused[invalid_attribute]" in result.stderr
    assert "crm.csv:3: refused[invalid_time]" in result.stderr
    assert "\u202e" not in result.stderr


def test_huge_cells_are_refused_and_the_rest_is_unharmed(run):
    huge = f"2,2026-03-02 09:00,{'x' * 300_000},1\n3,2026-03-02 09:00,{'y' * 2_000_000},1\n"
    result = run(write("crm.csv", HEADER + huge + FIRST))
    assert [event["subject"] for event in events_of(result)] == ["1"]
    assert "crm.csv:2: refused[too_large]" in result.stderr
    assert "crm.csv:3: refused[too_large]" in result.stderr


def test_bytes_that_are_not_utf8_refuse_their_row_and_are_kept(run):
    bad = b"2,2026-03-02 09:00,Jos\xe9,1\n"
    result = run(write("crm.csv", HEADER.encode() + bad + FIRST.encode()))
    assert result.exit_code == 1
    assert [event["subject"] for event in events_of(result)] == ["1"]
    assert "refused[not_unicode]" in result.stderr
    assert bad in Path("crm.rejects.csv").read_bytes()


@pytest.mark.parametrize(
    ("setting", "encoding"),
    [("utf-8", "utf-8-sig"), ("windows-1252", "cp1252"), ("utf-16", "utf-16")],
)
def test_encodings_and_byte_order_marks(run, setting, encoding):
    Path("m.yaml").write_text(f"encoding: {setting}\n{MAPPING}", encoding="utf-8")
    text = HEADER + "2,2026-03-02 09:00,José,1\n3,soon,Zoë,1\n"
    result = run(write("crm.csv", text.encode(encoding)))
    assert [event["data"]["name"] for event in events_of(result)] == ["José"]
    assert result.exit_code == 1
    again = run("crm.rejects.csv")
    assert "crm.rejects.csv:2: refused[invalid_time]: column created: 'soon'" in again.stderr


def test_a_file_in_another_encoding_altogether_is_an_error(run):
    Path("m.yaml").write_text(f"encoding: utf-16\n{MAPPING}", encoding="utf-8")
    result = run(write("crm.csv", HEADER + FIRST))
    assert result.exit_code == 2
    assert "say its `encoding:`" in result.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_that_turns_out_to_be_utf16_says_so(run, encoding):
    result = run(write("crm.csv", (HEADER + FIRST).encode(encoding)))
    assert result.exit_code == 2
    assert "the mapping needs `encoding: utf-16`." in result.stderr
    assert "\\u0000" not in result.stderr


def test_a_missing_column_stops_the_import_before_anything_is_written(run):
    Path("out.jsonl").write_text("kept", encoding="utf-8")
    result = run(write("crm.csv", "id,create,name,employees\n"), "-o", "out.jsonl")
    assert result.exit_code == 2
    assert "the mapping reads `created`" in result.stderr
    assert "Did you mean `create`?" in result.stderr
    assert Path("out.jsonl").read_text(encoding="utf-8") == "kept"


def test_another_delimiter_is_recognised_in_the_message(run):
    result = run(write("crm.csv", HEADER.replace(",", ";")))
    assert result.exit_code == 2
    assert 'delimiter: ";"' in result.stderr


def test_a_column_named_twice_is_an_error_where_it_is_read(run):
    result = run(write("crm.csv", "id,created,name,employees,name\n"))
    assert result.exit_code == 2
    assert "`name` twice" in result.stderr


def test_packed_files_and_standard_input(run):
    Path("crm.csv.gz").write_bytes(gzip.compress((HEADER + FIRST + "2,x,y,1\n").encode()))
    packed = run("crm.csv.gz", "-o", "out.jsonl.gz")
    assert packed.exit_code == 1
    assert Path("crm.rejects.csv").exists()
    piped = run("-", stdin=HEADER + FIRST)
    assert piped.exit_code == 0
    assert gzip.decompress(Path("out.jsonl.gz").read_bytes()).decode() == piped.stdout


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(HEADER.encode() * 9, mtime=0)[:-12]])
def test_a_broken_archive_is_an_error(run, content):
    result = run(write("crm.csv.gz", content))
    assert result.exit_code == 2
    assert result.stderr.startswith("crm.csv.gz: can't be read: ")


def test_where_refused_rows_are_kept(run):
    write("crm.csv", HEADER + "2,never,Bea,1\n")
    Path("there").mkdir()
    for arguments, kept in (
        (["-o", "there/out.jsonl"], "there/crm.rejects.csv"),
        (["-o", "/dev/null"], "crm.rejects.csv"),
        (["--rejects", "mine.csv"], "mine.csv"),
        (["--rejects", "there"], "there/crm.rejects.csv"),
    ):
        result = run("crm.csv", *arguments)
        assert f"kept in {kept}:" in result.stderr
        assert Path(kept).read_text(encoding="utf-8").endswith('",2,never,Bea,1\n')
        Path(kept).unlink()


def test_several_files_become_one_stream_in_order_of_time(run):
    Path("m.yaml").write_text(
        """\
source: /crm
timezone: UTC
sort: time
files:
  - file: leads*.csv
    events: [{type: lead.captured, subject: $id, time: $at, id: lead-$id}]
  - file: deals*.csv
    events: [{type: deal.won, subject: $id, time: $at, receivedat: $seen, id: deal-$id}]
""",
        encoding="utf-8",
    )
    write("leads1.csv", "id,at\n3,2026-03-03 09:00\n1,2026-03-01 09:00\n2,2026-03-05 09:00\n")
    write("deals.csv", "id,at,seen\n1,2026-02-01 09:00,2026-03-03 09:00\n2,2026-03-04 09:00,\n")
    result = run("deals.csv", "leads1.csv")
    assert result.exit_code == 0
    assert [event["id"] for event in events_of(result)] == [
        "lead-1",
        "lead-3",
        "deal-1",  # known at the same instant as lead-3, but deals come second in the mapping
        "deal-2",
        "lead-2",
    ]
    other = run("leads1.csv", write("other.csv", "id,at\n"))
    assert other.exit_code == 2
    assert "for files called `leads*.csv` or `deals*.csv`" in other.stderr


def test_the_same_input_gives_the_same_bytes(run):
    name = write("crm.csv", HEADER + FIRST + "2,2026-03-02 09:00,Bea,1\n")
    assert run(name).stdout == run(name).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["crm.csv", "-o", "crm.csv"], "can't be a FILE to read and the file for the events"),
        (["crm.csv", "--rejects", "crm.csv"], "can't be a FILE to read and a file for refused"),
        (["crm.csv", "other.csv", "--rejects", "r.csv"], "must be a directory"),
        (["crm.csv", "crm.csv"], "same name"),
        (["absent.csv"], "absent.csv: can't be read: No such file"),
        ([], "Missing argument"),
    ],
)
def test_bad_usage(run, arguments, says):
    write("crm.csv", HEADER + FIRST)
    write("other.csv", HEADER)
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert Path("crm.csv").read_text(encoding="utf-8") == HEADER + FIRST


def test_a_bad_mapping_says_where(run):
    Path("m.yaml").write_text(MAPPING.replace("subject", "subjet"), encoding="utf-8")
    result = run(write("crm.csv", HEADER))
    assert result.exit_code == 2
    assert "m.yaml:5:5: error[unknown_key]" in result.stderr


def test_an_empty_file_is_an_error(run):
    result = run(write("crm.csv", ""))
    assert result.exit_code == 2
    assert "the file is empty" in result.stderr


def test_a_progress_bar_is_for_terminals_only(run):
    result = run(write("crm.csv", HEADER + FIRST))
    assert "\x1b" not in result.stderr
    assert "%" not in result.stderr
