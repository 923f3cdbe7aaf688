"""The kinds of values an agreement is written in, read from scalars for pydantic.

Each reader takes a node and gives its value, or raises the `PydanticCustomError`
whose type is a diagnostic `Code` and whose message is a whole sentence: what
was read, and what to write instead.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Final, NoReturn

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from rules.durations import Duration, parse_duration
from rules.loading.diagnostics import Code
from rules.loading.scalars import boolean_meant, resolve
from rules.loading.yaml_tree import ListNode, MapNode, Scalar
from rules.wording import did_you_mean, listed, printable

BROKEN: Final = "broken"
"""The error type of a node whose fault is already reported."""
_MOST: Final = 1_000_000_000
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TOO_LONG: Final = re.compile(r"[1-9][0-9]*[mhd]", re.ASCII)
"""Durations that `parse_duration` takes, and longer ones."""
_WEEKS: Final = re.compile(r"[0-9]+ ?w(?:ee)?ks?|[0-9]+ ?w", re.ASCII | re.IGNORECASE)
_WORKING_WEEK: Final = "five working days are `5d`"
MOST_REMEMBERED: Final = 1000
"""Touches and pieces of evidence that a lead's state may have to hold for one rule."""
MOST_PROMISED_DAYS: Final = 3652
"""The longest time that a clause may take: ten years, leap days included."""
MOST_LOOKED_BACK_DAYS: Final = 36_500
_PERCENT: Final = re.compile(r"([0-9]{1,3})%", re.ASCII)


def fail(code: Code, sentence: str) -> NoReturn:
    """Refuse the value under `code` with `sentence`."""
    raise PydanticCustomError(code.value, "{sentence}", {"sentence": sentence})


def kind_of(node: Any) -> str:
    """What a node is, in words: `a list`, `the text `x``."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, Scalar) and node.value is not None:
        shown = f'"{printable(node.text)}"' if node.quoted else printable(node.text)
        return f"`{shown}`"
    return "nothing"


def scalar(node: Any, wanted: str) -> Scalar:
    """The node as a scalar that says something; `wanted` is for the sentence otherwise."""
    if isinstance(node, Scalar):
        if node.broken:
            raise PydanticCustomError(BROKEN, "broken")
        if node.value is not None:
            return node
    hint = " Text that begins with `#` needs quotes." if isinstance(node, Scalar) else ""
    return fail(Code.WRONG_TYPE, f"{wanted} is wanted here, but {kind_of(node)} was read.{hint}")


def read_text(node: Any) -> str:
    """Text of one line or more, as written; surrounding space is dropped."""
    text = scalar(node, "Text").text.strip()
    return text or fail(Code.EMPTY, "There is no text between the quotes.")


def read_name(node: Any) -> str:
    """A name: text on one line."""
    name = read_text(node)
    if "\n" in name or len(name) > 200:
        fail(Code.WRONG_TYPE, "A name is one line of at most 200 characters.")
    return name


def read_number(node: Any) -> float | int:
    """A decimal number."""
    written = scalar(node, "A number")
    value = written.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return fail(Code.WRONG_TYPE, f"{kind_of(node)} is not a number: {digits_hint(written)}.")


def digits_hint(node: Scalar) -> str:
    """What to do with a scalar that should be a number and is not."""
    if node.quoted and isinstance(resolve(node.text, quoted=False), (int, float)):
        return "remove the quotes"
    digits = node.text.lstrip("0")
    if digits != node.text and digits.isascii() and digits.isdigit():
        return f"write `{digits}`, without zeros before it"
    return "write digits such as `5` or `2.5`"


def whole(least: int, most: int = _MOST, because: str = "") -> Callable[[Any], int]:
    """A reader of whole numbers from `least` to `most`; `because` says why no more."""

    def read(node: Any) -> int:
        value = read_number(node)
        if not isinstance(value, int):
            fail(Code.WRONG_TYPE, f"{kind_of(node)} is not a whole number.")
        if value < least:
            fail(Code.OUT_OF_RANGE, f"{kind_of(node)} is too small: {least} is the least.")
        if value > most:
            fail(Code.OUT_OF_RANGE, f"{kind_of(node)} is too large: {most} is the most{because}.")
        return value

    return read


def read_whole(node: Any) -> int:
    """A whole number, negative ones too."""
    return whole(-_MOST)(node)


def read_boolean(node: Any) -> bool:
    """`true` or `false` and nothing else."""
    written = scalar(node, "`true` or `false`")
    value = written.value
    if isinstance(value, bool):
        return value
    meant = boolean_meant(written.text)
    hint = f"write `{meant}` without quotes" if meant else "write `true` or `false`"
    return fail(Code.WRONG_TYPE, f"{kind_of(node)} is not true or false here: {hint}.")


def span(least: int, most_days: int, week: str) -> Callable[[Any], Duration]:
    """A reader of durations from `least` of their unit to `most_days` of 24 hours."""
    longest = timedelta(days=most_days)

    def read(node: Any) -> Duration:
        written = scalar(node, "A duration")
        duration = parse_duration(written.text)
        if duration is None and not _TOO_LONG.fullmatch(written.text):
            sentence = (
                f"{kind_of(node)} is not a duration. Write a whole number and its unit, "
                "such as `15m`, `4h` or `2d`."
            )
            if _WEEKS.fullmatch(written.text):
                sentence += f" Weeks are no unit: {week}."
            fail(Code.BAD_DURATION, sentence)
        if duration is None or duration.wall > longest:
            years = f"`{most_days}d` ({most_days // 365} years) is the most"
            fail(Code.OUT_OF_RANGE, f"{kind_of(node)} is too long; {years}.")
        if duration.amount < least:
            nothing = "is no time at all; write a duration above zero"
            fail(Code.OUT_OF_RANGE, f"{kind_of(node)} {nothing}.")
        return duration

    return read


def read_percent(node: Any) -> float:
    """`50%` as 0.5; from 1% to 99%."""
    written = scalar(node, "A percentage")
    match = _PERCENT.fullmatch(written.text)
    if match is None or not 0 < int(match[1]) < 100:
        sentence = f"{kind_of(node)} is not a whole percentage from `1%` to `99%`."
        fail(Code.BAD_PERCENT, sentence)
    return int(match[1]) / 100


def read_date(node: Any) -> date:
    """A date as a value or as a key."""
    text = node if isinstance(node, str) else scalar(node, "A date").text
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            fail(Code.BAD_DATE, f"`{text}` does not exist: {error}.")
    shown = f"`{printable(text)}`"
    return fail(Code.BAD_DATE, f"{shown} is not a date. Write it as in `2026-12-24`.")


def word(*words: str) -> Callable[[Any], str]:
    """A reader of one of `words`."""

    def read(node: Any) -> str:
        written = scalar(node, f"One of {listed(words)}").text
        if written in words:
            return written
        known = f"{listed(words)} is wanted" if len(words) == 1 else f"It is one of {listed(words)}"
        hint = did_you_mean(written, words)
        return fail(Code.UNKNOWN_WORD, f"{kind_of(node)} means nothing here. {known}.{hint}")

    return read


def read_key(key: Any) -> str:
    """A name that a key declares."""
    name = str(key)
    if not name.strip() or name != name.strip() or "\n" in name or len(name) > 200:
        fail(Code.WRONG_TYPE, "A name is one line of 1 to 200 characters, without outer spaces.")
    return name


Text = Annotated[str, PlainValidator(read_text)]
Name = Annotated[str, PlainValidator(read_name)]
Key = Annotated[str, PlainValidator(read_key)]
Number = Annotated[float | int, PlainValidator(read_number)]
Whole = Annotated[int, PlainValidator(read_whole)]
Amount = Annotated[int, PlainValidator(whole(0))]
Count = Annotated[int, PlainValidator(whole(1))]
Tally = Annotated[
    int, PlainValidator(whole(1, MOST_REMEMBERED, ", since each lead's last ones are kept"))
]
"""How many touches, or pieces of evidence, something takes."""
Delay = Annotated[Duration, PlainValidator(span(0, MOST_PROMISED_DAYS, _WORKING_WEEK))]
Span = Annotated[Duration, PlainValidator(span(1, MOST_PROMISED_DAYS, _WORKING_WEEK))]
LookBack = Annotated[Duration, PlainValidator(span(1, MOST_LOOKED_BACK_DAYS, "one is `7d`"))]
"""A window or a half-life; of the wall clock."""
Percent = Annotated[float, PlainValidator(read_percent)]
Date = Annotated[date, PlainValidator(read_date)]
