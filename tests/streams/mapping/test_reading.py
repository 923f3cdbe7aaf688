"""Rows of an export: taken apart, numbered, kept as they stood, whatever the file holds."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from streams.mapping.reading import LONGEST_ROW, Row, Rows


def rows_of(text: str, delimiter: str = ",") -> list[Row]:
    return list(Rows(io.StringIO(text, newline=""), delimiter))


def shape(rows: list[Row]) -> list[tuple[int, list[str] | str]]:
    """Each row's line with its cells, or with the code that refused it."""
    return [(row.line, row.fault.code if row.fault else row.cells) for row in rows]


def test_quotes_delimiters_and_line_breaks_in_cells():
    text = 'id,name\r\n1,"Rossi, Anna"\r\n2,"7"" pipe"\r\n\r\n3,"two\r\nlines"\r\n4,last'
    assert shape(rows_of(text)) == [
        (1, ["id", "name"]),
        (2, ["1", "Rossi, Anna"]),
        (3, ["2", '7" pipe']),
        (5, ["3", "two\r\nlines"]),
        (7, ["4", "last"]),
    ]


def test_a_row_is_kept_as_it_stood():
    text = 'id;name\n"1"; "x\n2;"a\nb"\n'
    rows = rows_of(text, ";")
    assert [row.raw for row in rows] == ["id;name\n", '"1"; "x\n', '2;"a\nb"\n']


def test_short_and_long_rows_are_refused_and_the_rest_is_not():
    assert shape(rows_of("a,b\n1\n1,2,3\n1,2,,\n1,2\n")) == [
        (1, ["a", "b"]),
        (2, "wrong_columns"),
        (3, "wrong_columns"),
        (4, ["1", "2"]),
        (5, ["1", "2"]),
    ]


def test_an_open_quote_spoils_its_own_line_only():
    rows = rows_of('a,b\n1,"open\n2,two\n3,"th""ree"\n4,four\n')
    assert shape(rows) == [
        (1, ["a", "b"]),
        (2, "unreadable_row"),
        (3, ["2", "two"]),
        (4, ["3", 'th"ree']),
        (5, ["4", "four"]),
    ]
    assert rows[1].raw == '1,"open\n'
    assert rows[1].fault
    assert "not closed" in rows[1].fault.sentence


def test_an_open_quote_at_the_end_gives_the_lines_after_it_back():
    assert shape(rows_of('a,b\n1,"open\n2,two\n3\n4,four')) == [
        (1, ["a", "b"]),
        (2, "unreadable_row"),
        (3, ["2", "two"]),
        (4, "wrong_columns"),
        (5, ["4", "four"]),
    ]


def test_text_after_a_closing_quote_is_refused_not_guessed():
    rows = rows_of('a,b\n1,"x" y\n2,two\n')
    assert shape(rows) == [(1, ["a", "b"]), (2, "unreadable_row"), (3, ["2", "two"])]
    assert rows[1].fault
    assert "doubled" in rows[1].fault.sentence


def test_a_cell_too_large_is_refused_in_bounded_memory():
    huge = "x" * (3 * LONGEST_ROW)
    rows = rows_of(f"a,b\n1,{huge}\n2,two\n")
    assert shape(rows) == [(1, ["a", "b"]), (2, "too_large"), (3, ["2", "two"])]
    assert len(rows[1].raw) <= LONGEST_ROW


def test_an_open_quote_in_a_long_file_is_found_out():
    lines = "".join(f"{n},{'y' * 990}\n" for n in range(2000))
    rows = rows_of(f'a,b\n0,"open\n{lines}')
    assert len(rows) == 2 + 2000
    assert [row.line for row in rows if row.fault] == [2]


@given(
    st.lists(
        st.lists(st.text(max_size=12), min_size=3, max_size=3).filter(lambda row: any(row)),
        max_size=20,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(table, delimiter, end):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *table])
    read = rows_of(text.getvalue(), delimiter)
    assert [row.cells for row in read[1:]] == table
    assert "".join(row.raw for row in read) == text.getvalue()


@given(st.text(alphabet='ab,"\n\r\0 ;', max_size=200))
def test_every_line_belongs_to_one_row_or_is_blank(text):
    rows = rows_of("a,b\n" + text)
    lines = io.StringIO("a,b\n" + text, newline="").readlines()
    covered: set[int] = set()
    for row in rows:
        taken = io.StringIO(row.raw, newline="").readlines()
        span = range(row.line, row.line + len(taken))
        assert [lines[n - 1] for n in span] == taken
        assert covered.isdisjoint(span)
        covered.update(span)
    assert all(not lines[n - 1].strip() for n in range(1, len(lines) + 1) if n not in covered)
