"""From the cells of a row to its events, and why some rows give none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.mapping.applying import BoundMapping, ImportedEvent
from streams.mapping.faults import Fault
from streams.mapping.loading import load_mapping
from streams.mapping.model import columns

EVENT = """\
source: /crm
timezone: UTC
events:
  - type: lead.captured
    subject: $id
    time: {from: $day, at: "09:00"}
"""
HEADER = ["id", "day", "x", "y"]


def bound(text: str, header: list[str] = HEADER) -> BoundMapping:
    loaded = load_mapping(text)
    assert loaded.mapping, [str(d) for d in loaded.diagnostics]
    return BoundMapping(loaded.mapping.files[0], header)


def events_of(mapping: BoundMapping, row: list[str]) -> list[ImportedEvent]:
    """The events of a row that nothing is wrong with."""
    events = mapping.events(row)
    assert not isinstance(events, Fault), events.sentence
    return events


def value_of(written: str, x: str = "", y: str = "", top: str = ""):
    """What a field written so holds for a row with these cells; None where it is left out."""
    events = bound(f"{top}{EVENT}    data: {{f: {written}}}\n").events(["7", "2026-03-02", x, y])
    return events if isinstance(events, Fault) else events[0].data.get("f")


@pytest.mark.parametrize(
    ("written", "x", "y", "expected"),
    [
        ("$x", " word ", "", "word"),
        ("$x", "  ", "", None),
        ("[$x, $y]", "", "second", "second"),
        ("[$x, web]", "", "", "web"),
        ("web", "", "", "web"),
        ("5", "", "", 5),
        ("$x-$y", "a", "b", "a-b"),
        ("$x-$y", "", "b", "-b"),
        ("$x-$y", "", "", None),
        ("{from: $x, default: none}", "", "", "none"),
        ("{from: $x, table: {a: alpha}}", "a", "", "alpha"),
        ("{from: $x, table: {a: alpha}}", "", "", None),
        ("{from: $x, table: {a: alpha}, default: other}", "b", "", "other"),
        ("{from: $x, table: {a: alpha}, default: other}", "", "", "other"),
        ("{from: $x, table: {a: null}, default: $x}", "a", "", None),
        ("{from: $x, table: {a: null}, default: $x}", "b", "", "b"),
        ('{from: $x, table: {"": blank}, default: other}', "", "", "blank"),
        ("{from: $x, table: {sì: true, no: false}}", "no", "", False),
        ("{from: $x, as: boolean}", "Yes", "", True),
        ("{from: $x, as: boolean}", "0", "", False),
        ("{from: $x, as: boolean}", "", "", None),
        ("{from: $x, as: number}", "120", "", 120),
        ("{from: $x, as: number}", "120.50", "", 120.5),
        ("{from: $x, as: number}", "1,234,567.5", "", 1234567.5),
        ("{from: $x, as: number}", "1 234", "", 1234),
        ("{from: $x, as: number}", "-3e2", "", -300),
        ("{from: [$x, 5], as: number}", "", "", 5),
    ],
)
def test_what_a_value_comes_to(written, x, y, expected):
    assert value_of(written, x, y) == expected
    assert type(value_of(written, x, y)) is type(expected)


@pytest.mark.parametrize(
    ("cell", "expected"), [("1.234,5", 1234.5), ("0,5", 0.5), ("12", 12), ("1 234,00", 1234)]
)
def test_a_decimal_comma(cell, expected):
    assert value_of("{from: $x, as: number}", cell, top='decimal: ","\n') == expected


@pytest.mark.parametrize(
    ("written", "cell", "code", "says"),
    [
        ("{from: $x, table: {a: alpha}}", "b", "not_in_table", "'b'"),
        ("{from: $x, as: number}", "12 €", "invalid_number", "column x"),
        ("{from: $x, as: number}", "nan", "invalid_number", "'nan'"),
        ("{from: $x, as: number}", "1e999", "invalid_number", "1e999"),
        ("{from: $x, as: number}", "1,23", "invalid_number", "'.'"),
        ("{from: $x, as: number}", "9" * 500, "invalid_number", "…"),
        ("{from: $x, as: boolean}", "maybe", "invalid_boolean", "neither yes nor no"),
    ],
)
def test_a_cell_that_does_not_fit_refuses_the_row(written, cell, code, says):
    fault = value_of(written, cell)
    assert isinstance(fault, Fault)
    assert fault.code == code
    assert says in fault.sentence


@pytest.mark.parametrize(
    ("when", "cell", "given_"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("[a, b]", "b", True),
        ("112", "112", True),
        ("{like: 'a*'}", "abc", True),
        ("{like: 'a*'}", "cab", False),
        ("{empty: true}", " ", True),
        ("{empty: false}", "", False),
        ("{empty: false}", "x", True),
        ("{not: [a, b]}", "a", False),
        ("{not: [a, b]}", "", True),
        ("{like: 'a*', not: abc}", "abc", False),
    ],
)
def test_when(when, cell, given_):
    events = bound(f"{EVENT}    when: {{x: {when}}}\n").events(["7", "2026-03-02", cell, ""])
    assert bool(events) is given_


def test_one_row_may_give_several_events_or_none():
    mapping = bound(
        """\
source: /crm
timezone: UTC
events:
  - {type: lead.captured, subject: $id, time: $day}
  - type: {from: $x, table: {won: deal.won, lost: deal.lost}, default: null}
    subject: $id
    time: [$y, $day]
    receivedat: $y
"""
    )
    won = events_of(mapping, ["7", "2026-03-02 08:00", "won", "2026-03-05 10:00"])
    assert [(e.type, e.time, e.receivedat) for e in won] == [
        ("lead.captured", datetime(2026, 3, 2, 8, tzinfo=UTC), None),
        ("deal.won", datetime(2026, 3, 5, 10, tzinfo=UTC), datetime(2026, 3, 5, 10, tzinfo=UTC)),
    ]
    assert [e.type for e in events_of(mapping, ["7", "2026-03-02 08:00", "open", ""])] == [
        "lead.captured"
    ]


@pytest.mark.parametrize(
    ("row", "named"), [(["", "2026-03-02", "", ""], "subject"), (["7", " ", "", ""], "time")]
)
def test_an_event_without_a_subject_or_a_time_refuses_the_row(row, named):
    fault = bound(EVENT).events(row)
    assert isinstance(fault, Fault)
    assert fault.code == "missing_value"
    assert f"`{named}:`" in fault.sentence


def test_words_that_mean_blank():
    mapping = bound(f'empty: ["N/A", "-"]\n{EVENT}    data: {{x: $x, y: $y}}\n')
    (event,) = events_of(mapping, ["7", "2026-03-02", "N/A", "- "])
    assert event.data == {}


def test_a_derived_id_is_of_what_the_row_says_and_nothing_else():
    row = {"id": "7", "day": "2026-03-02", "x": "a", "y": ""}
    ids = {
        events_of(bound(EVENT, header), [row.get(name, "refused") for name in header])[0].id
        for header in (
            ["id", "day", "x", "y"],
            ["y", "x", "day", "id"],
            ["baton_refused", "id", "day", "x", "y"],
            ["id", "day", "x"],
        )
    }
    assert len(ids) == 1
    (other,) = events_of(bound(EVENT), ["7", "2026-03-02", "b", ""])
    assert other.id not in ids


@given(st.lists(st.text(max_size=30), min_size=4, max_size=4))
def test_no_cells_whatever_raise(row):
    text = (
        EVENT
        + """\
    data: {n: {from: $x, as: number}, b: {from: $y, as: boolean}, t: '$x $y'}
"""
    )
    loaded = load_mapping(text).mapping
    assert loaded
    assert set(columns(loaded.files[0])) <= set(HEADER)
    made = BoundMapping(loaded.files[0], HEADER).events(row)
    assert isinstance(made, (Fault, list))
