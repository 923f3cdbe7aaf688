"""Why a row of an export is refused: a closed code and a sentence.

What the border would refuse anyway (`streams.refusals`) keeps the border's own
code, so that a row and an event are refused in the same words.
"""

from typing import Literal, NamedTuple

RowReason = Literal[
    "unreadable_row",
    "wrong_columns",
    "not_unicode",
    "too_large",
    "missing_value",
    "invalid_time",
    "date_without_time",
    "invalid_number",
    "invalid_boolean",
    "not_in_table",
    "duplicate_id",
]


class Fault(NamedTuple):
    """`code` is a `RowReason`, or the code with which the border refuses the event."""

    code: str
    sentence: str
