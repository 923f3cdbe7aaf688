"""Reading a cell as a number or as yes or no, by the ways in which exports write them."""

import re
from math import isfinite
from typing import Final

from rules.wording import printable
from streams.mapping.faults import Fault

_TRUE: Final = frozenset({"true", "yes", "y", "t", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "f", "0"})
_LONGEST: Final = 64
_BLANKS: Final = "'\u2019 \u00a0\u202f"
"""Signs besides `.` and `,` that group digits by threes."""
_EXACT_BELOW: Final = 2**53


def _forms(decimal: str, group: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """How a number looks with that decimal sign: plain, and with its digits grouped."""
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    groups = rf"(?:[{re.escape(group)}{_BLANKS}]\d{{3}})+"
    return (
        re.compile(rf"[+-]?\d+{fraction}(?:[eE][+-]?\d{{1,3}})?", re.ASCII),
        re.compile(rf"[+-]?\d{{1,3}}{groups}{fraction}", re.ASCII),
    )


_FORMS: Final = {".": _forms(".", ","), ",": _forms(",", ".")}
_GROUP_SIGNS: Final = {
    ".": str.maketrans("", "", "," + _BLANKS),
    ",": str.maketrans(",", ".", "." + _BLANKS),
}


def read_boolean(cell: str) -> bool | Fault:
    """Yes or no, in English or as a digit, upper and lower case alike."""
    word = cell.casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    return Fault(
        "invalid_boolean",
        f"'{printable(cell)}' is neither yes nor no (true, false, y, n, 1 or 0); give other words "
        "in a `table:`",
    )


def read_number(cell: str, decimal: str) -> int | float | Fault:
    """A finite number; `decimal`, `.` or `,`, is its decimal sign, and the other may group."""
    plain, grouped = _FORMS[decimal]
    if len(cell) <= _LONGEST and (plain.fullmatch(cell) or grouped.fullmatch(cell)):
        number = float(cell.translate(_GROUP_SIGNS[decimal]))
        if isfinite(number):
            exact = number.is_integer() and abs(number) < _EXACT_BELOW
            return int(number) if exact else number
    return Fault(
        "invalid_number",
        f"'{printable(cell)}' is not a number written with '{decimal}' as the decimal sign",
    )
