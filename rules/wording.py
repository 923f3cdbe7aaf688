"""How values are written inside the sentences of `because` and of errors."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

LONGEST: Final = 80
_MOST_LISTED: Final = 12
_LONGEST_COMPARED: Final = 100
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a reader cannot see or that reorder what they see."""


def printable(text: str, longest: int = LONGEST) -> str:
    """`text` on one line, cut to `longest`, with invisible and bidi characters escaped."""
    if text.isascii() and text.isprintable():
        shown = text
    else:
        shown = "".join(
            f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c
            for c in text[: longest + 1]
        )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def number(value: float) -> str:
    """A finite number without needless decimals, long ones shortened: `3`, `2.5`, `1e+300`."""
    if abs(value) >= 1e15:
        return printable(str(value), 24)
    return str(int(value)) if value == int(value) else f"{value:g}"


def value_text(value: Any) -> str:
    """A field's value as a sentence shows it."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return " or ".join(value_text(each) for each in value)
    return printable(str(value))


@lru_cache(maxsize=4096)
def moment(at: datetime, zone: ZoneInfo) -> str:
    """An instant as a person in `zone` reads it: `Mon 2 Mar 2026 09:15`."""
    # Written out and remembered: strftime takes ten times as long, every decision says when,
    # and mostly it is the same moment as the decision before.
    local = at.astimezone(zone)
    day, month = _DAYS[local.weekday()], _MONTHS[local.month - 1]
    seconds = f":{local.second:02}" if local.second else ""
    clock = f"{local.hour:02}:{local.minute:02}{seconds}"
    return f"{day} {local.day} {month} {local.year} {clock}"


def span(seconds: float) -> str:
    """Elapsed time in words: `45 s`, `15 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    shown = [f"{amount} {unit}" for amount, unit in parts if amount]
    return " ".join(shown[:2])


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """` Did you mean `italy`?` with the nearest of `known`, nothing where none is near.

    Upper and lower case are the same here. `cutoff` is how near it must be, from
    0 (anything) to 1 (equal).
    """
    by_lower = {name.lower(): name for name in sorted(known)}
    near = get_close_matches(word[:_LONGEST_COMPARED].lower(), by_lower, n=1, cutoff=cutoff)
    return f" Did you mean `{printable(by_lower[near[0]])}`?" if near else ""


def listed(names: Iterable[str]) -> str:
    """`a, b and c`, each in backquotes, of long lists the first dozen."""
    every = list(names)
    shown = [f"`{printable(name)}`" for name in every[:_MOST_LISTED]]
    if len(every) > _MOST_LISTED:
        shown.append(f"{len(every) - _MOST_LISTED} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
