"""Mapping files: what loads, and every fault with its place and a way out."""

from pathlib import Path

import pytest

from streams.mapping.loading import load_mapping
from streams.mapping.model import Column, Constant, ImportMapping, Template, columns

GOOD = """\
source: /crm
events:
  - type: lead.captured
    subject: $id
    time: $when
"""


def loaded_from(text: str) -> ImportMapping:
    """The mapping in a text that has no fault."""
    loaded = load_mapping(text)
    assert loaded.mapping, [str(each) for each in loaded.diagnostics]
    return loaded.mapping


def faults_of(text: str) -> list[str]:
    """`LINE:COL code` of every diagnostic."""
    loaded = load_mapping(text)
    assert (loaded.mapping is None) == any(d.severity == "error" for d in loaded.diagnostics)
    return [f"{d.line}:{d.column} {d.code}" for d in loaded.diagnostics]


def test_a_small_mapping_loads():
    mapping = loaded_from(GOOD)
    (section,) = mapping.files
    assert (section.source, section.delimiter, section.encoding) == ("/crm", ",", "utf-8-sig")
    assert list(columns(section)) == ["id", "when"]
    assert not mapping.sort


@pytest.mark.parametrize(
    ("written", "option"),
    [
        ("$id", Template((Column("id"),))),
        ("deal-$id-$n", Template(("deal-", Column("id"), "-", Column("n")))),
        ("${First Name} x", Template((Column("First Name"), " x"))),
        ("$città", Template((Column("città"),))),
        ("plain", Constant("plain")),
        ("5 $$", Constant("5 $")),
        ("0123", Constant("0123")),
        ("12", Constant(12)),
        ("'12'", Constant("12")),
        ("true", Constant(value=True)),
        ("no", Constant("no")),
        ("null", Constant(None)),
    ],
)
def test_what_a_word_stands_for(written, option):
    mapping = loaded_from(GOOD + f"    data:\n      x: {written}\n")
    assert mapping.files[0].events[0].data["x"].options == (option,)


def test_settings_at_the_top_are_the_defaults_of_every_file():
    mapping = loaded_from(
        """\
source: /crm
delimiter: semicolon
sort: time
files:
  - file: a*.csv
    events: [{type: page.viewed, subject: $id, time: $when}]
  - file: b*.csv
    delimiter: tab
    source: /other
    encoding: windows-1252
    events: [{type: page.viewed, subject: $id, time: $when}]
"""
    )
    assert mapping.sort
    assert [(f.pattern, f.source, f.delimiter, f.encoding) for f in mapping.files] == [
        ("a*.csv", "/crm", ";", "utf-8-sig"),
        ("b*.csv", "/other", "\t", "cp1252"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 empty"]),
        ("- a\n", ["1:1 wrong_type"]),
        ("source: /crm\n", ["1:1 missing_key"]),
        (GOOD.replace("source: /crm\n", ""), ["1:1 missing_key"]),
        (GOOD + "files: []\n", ["6:1 contradiction"]),
        ("source: /crm\nevents: []\n", ["2:9 empty"]),
        ("source: /crm\nfiles:\n  - events: []\n", ["3:5 missing_key", "3:13 empty"]),
        ("source: /crm\nfiles: x\n", ["2:8 wrong_type"]),
        (GOOD.replace("subject:", "subjet:"), ["3:5 missing_key", "4:5 unknown_key"]),
        (GOOD + "sorted: time\n", ["6:1 unknown_key"]),
        (GOOD + "sort: date\n", ["6:7 unknown_word"]),
        (GOOD + "timezone: Rome\n", ["6:11 unknown_timezone"]),
        (GOOD + "timezone: ../../etc/passwd\n", ["6:11 unknown_timezone"]),
        (GOOD + "encoding: utf-99\n", ["6:11 unknown_word"]),
        (GOOD + "encoding: base64\n", ["6:11 unknown_word"]),
        (GOOD + "delimiter: ';;'\n", ["6:12 unknown_word"]),
        (GOOD + "decimal: '-'\n", ["6:10 unknown_word"]),
        (GOOD.replace("lead.captured", "lead.capturd"), ["3:11 unknown_event"]),
        (GOOD.replace("$id", "{id}"), ["4:14 wrong_type"]),
        (GOOD.replace("$id", "a$"), ["4:14 wrong_type"]),
        (GOOD.replace("$id", "[]"), ["4:14 empty"]),
        (GOOD.replace("$id", "[[$id]]"), ["4:15 wrong_type"]),
        (GOOD.replace("$when", "{from: $when, format: '%H:%M'}"), ["5:33 unknown_word"]),
        (GOOD.replace("$when", "{from: $when, at: 9am}"), ["5:29 wrong_type"]),
        (GOOD.replace("$when", "{from: $when, as: text}"), ["5:25 unknown_key"]),
        (GOOD + "    data: {x: {from: $x, as: nummer}}\n", ["6:30 unknown_word"]),
        (GOOD + "    data: {x: {from: $x, table: [a]}}\n", ["6:33 wrong_type"]),
        (GOOD + "    when: [x]\n", ["6:11 wrong_type"]),
        (GOOD + "    when: {x: {}}\n", ["6:15 empty"]),
        (GOOD + "    when: {x: {empty: no}}\n", ["6:23 wrong_type"]),
        (GOOD + "    when: {x: {lke: a}}\n", ["6:16 unknown_key"]),
        (GOOD + "    type: lead.updated\n", ["6:5 duplicate_key"]),
        (GOOD + "    data: &x {a: b}\n", ["6:11 alias"]),
    ],
)
def test_a_fault_is_reported_in_its_place(text, expected):
    assert sorted(faults_of(text)) == sorted(expected)


def test_all_faults_are_reported_at_once():
    text = GOOD.replace("captured", "capturd") + "timezone: Rome\nsorted: time\n"
    assert faults_of(text) == ["3:11 unknown_event", "6:11 unknown_timezone", "7:1 unknown_key"]


def test_near_misses_are_named():
    loaded = load_mapping(GOOD.replace("captured", "capturd").replace("subject:", "subjet:"))
    sentences = " ".join(d.sentence for d in loaded.diagnostics)
    assert "Did you mean `subject`?" in sentences
    assert "Did you mean `lead.captured`?" not in sentences  # the event is not read further
    assert "Did you mean `lead.captured`?" in str(
        load_mapping(GOOD.replace("captured", "capturd")).diagnostics[0]
    )


def test_a_cell_written_in_bare_braces_is_explained():
    loaded = load_mapping(GOOD.replace("$id", "{id}"))
    assert any("did you mean `${id}`?" in d.sentence for d in loaded.diagnostics)


@pytest.mark.parametrize("hostile", [b"\xff\xfe", b"a: \x00", b"[" * 100_000, b"a: [", b"\t- a"])
def test_a_file_that_is_no_yaml_is_an_error_not_a_crash(hostile):
    loaded = load_mapping(hostile)
    assert loaded.mapping is None
    assert loaded.diagnostics


def test_the_mapping_of_the_documentation_loads():
    text = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert len(loaded_from(example).files[0].events) == 2
