"""Lines are numbered as an editor numbers them, and no line takes more memory than one event."""

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.codec import decode
from streams.jsonl import read_lines
from streams.refusals import MAX_BYTES, Refusal


def lines(raw: bytes) -> list[tuple[int, bytes]]:
    return list(read_lines(io.BytesIO(raw)))


def test_line_ends_blank_lines_and_a_missing_last_end() -> None:
    assert lines(b"{}\r\n\n  \t\n[1]\n{}") == [(1, b"{}"), (4, b"[1]"), (5, b"{}")]


def test_a_byte_order_mark_is_taken_off_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert lines(mark + b"{}\n" + mark + b"{}\n") == [(1, b"{}"), (2, mark + b"{}")]


def test_nothing_in_nothing_out() -> None:
    assert lines(b"") == []
    assert lines(b"\n\n") == []


def test_a_line_of_the_largest_size_is_whole() -> None:
    largest = b"x" * MAX_BYTES
    assert lines(largest + b"\r\n{}\n") == [(1, largest), (2, b"{}")]


def test_an_oversize_line_is_refused_and_the_next_is_unharmed() -> None:
    for size in (MAX_BYTES + 1, MAX_BYTES + 2, MAX_BYTES + 6, MAX_BYTES + 7, 3 * MAX_BYTES):
        for start in (b"", b"\xef\xbb\xbf"):
            (first, kept), second = lines(start + b"x" * size + b"\n{}\n")
            assert (first, second) == (1, (2, b"{}"))
            assert len(kept) == MAX_BYTES + 1
            refusal = decode(kept)
            assert isinstance(refusal, Refusal)
            assert refusal.reason == "too_large"


class Endless(io.RawIOBase):
    """A line without an end, as long as `left` lasts, that records the largest read."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.largest = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0, "a read without a bound"
        self.largest = max(self.largest, size)
        piece = min(size, self.left)
        self.left -= piece
        return b"x" * piece


def test_an_endless_line_is_read_in_bounded_pieces() -> None:
    stream: Any = Endless(100 * MAX_BYTES)
    [(number, kept)] = read_lines(stream)
    assert (number, len(kept)) == (1, MAX_BYTES + 1)
    assert stream.left == 0
    assert stream.largest < MAX_BYTES + 16


@given(
    st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")))
)
def test_every_line_comes_back_with_its_number(written: list[bytes]) -> None:
    raw = b"".join(each + b"\n" for each in written)
    expected = [(n, each) for n, each in enumerate(written, 1) if each and not each.isspace()]
    if not raw.startswith(b"\xef\xbb\xbf"):
        assert lines(raw) == expected
