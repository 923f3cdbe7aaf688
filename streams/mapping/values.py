"""Loading the parts of a mapping that say where a value comes from.

`$column` or `${any column}` is a cell, `$$` a dollar sign, anything else is
itself; a list is the first of its items that is not empty.
"""

import fnmatch
import re
from collections.abc import Mapping
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from rules.loading.diagnostics import Code, Report
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.wording import listed, printable
from streams.mapping import nodes
from streams.mapping.model import As, CellTest, Column, Constant, Moment, Option, Template, Value
from streams.mapping.times import format_fault

_REFERENCE: Final = re.compile(r"\$(?:(?P<name>[^\W\d]\w*)|\{(?P<braced>[^{}]+)\}|(?P<sign>\$))")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_AS: Final[Mapping[str, As]] = {"text": "text", "number": "number", "boolean": "boolean"}
_VALUE_KEYS: Final = ("from", "table", "default", "as")
_MOMENT_KEYS: Final = ("from", "format", "timezone", "at")
_TEST_KEYS: Final = ("like", "empty", "not")


def load_value(node: Node, what: str, report: Report) -> Value | None:
    """A value: a word, a list of words, or a mapping with `from:`."""
    if not isinstance(node, MapNode):
        return Value(_options(node, what, report))
    found = _with_from(node, _VALUE_KEYS, what, report)
    if found is None:
        return None
    default = found.get("default")
    as_ = nodes.one_of(found.get("as"), tuple(_AS), "`as`", report)
    return Value(
        options=_options(found["from"], what, report),
        table=_table(found["table"], report) if "table" in found else None,
        default=None if default is None else _option(default, "`default`", report),
        as_=_AS[as_] if as_ else "text",
    )


def load_moment(node: Node, what: str, zone: ZoneInfo | None, report: Report) -> Moment | None:
    """An instant; `zone` is that of the file where it names none of its own."""
    if not isinstance(node, MapNode):
        return Moment(_options(node, what, report), (), zone, None)
    found = _with_from(node, _MOMENT_KEYS, what, report)
    if found is None:
        return None
    formats = nodes.texts(found.get("format"), "`format`", report)
    for written, place in zip(formats, nodes.items(found.get("format")), strict=False):
        fault = format_fault(written)
        if fault:
            report.add(Code.UNKNOWN_WORD, place.start, f"{fault[:1].upper()}{fault[1:]}.")
    return Moment(
        options=_options(found["from"], what, report),
        formats=formats,
        zone=load_zone(found.get("timezone"), report) or zone,
        at=_time_of_day(found.get("at"), report),
    )


def load_test(node: Node, report: Report) -> CellTest | None:
    """What a cell must be: a word, a list of words, or `{like, empty, not}`."""
    if not isinstance(node, MapNode):
        return CellTest(any_of=frozenset(nodes.texts(node, "what a cell must be", report)))
    found = nodes.mapping(node, _TEST_KEYS, "a test of a cell", report)
    if not found:
        report.add(Code.EMPTY, node.start, f"Say what the cell must be: {listed(_TEST_KEYS)}.")
        return None
    like = nodes.text(found.get("like"), "`like`", report)
    empty = found.get("empty")
    if empty is not None and not (isinstance(empty, Scalar) and isinstance(empty.value, bool)):
        nodes.wrong(empty, "`empty` is `true` or `false`", report)
    return CellTest(
        like=re.compile(fnmatch.translate(like)) if like else None,
        empty=empty.value if isinstance(empty, Scalar) and isinstance(empty.value, bool) else None,
        negated=load_test(found["not"], report) if "not" in found else None,
    )


def load_zone(node: Node | None, report: Report) -> ZoneInfo | None:
    """A time zone by its IANA name."""
    name = nodes.text(node, "`timezone`", report)
    if name is None or node is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        sentence = (
            f"`{printable(name)}` is not a time zone of the IANA database; write one such as "
            "`Europe/Rome` or `UTC`."
        )
        report.add(Code.UNKNOWN_TIMEZONE, node.start, sentence)
        return None


def _options(node: Node, what: str, report: Report) -> tuple[Option, ...]:
    if isinstance(node, ListNode) and not node:
        report.add(Code.EMPTY, node.start, f"`{what}` is an empty list.")
    made = [_option(each, f"`{what}`", report) for each in nodes.items(node)]
    return tuple(each for each in made if each is not None)


def _option(node: Node, what: str, report: Report) -> Option | None:
    if not isinstance(node, Scalar):
        nodes.wrong(node, f"{what} is a word, a number, or text with `$columns`", report)
        return None
    if node.broken:
        return None
    value = node.value
    return parse_template(node, report) if isinstance(value, str) else Constant(value)


def parse_template(node: Scalar, report: Report) -> Option:
    """Text with `$columns` in it, or the text itself where there are none."""
    parts: list[str | Column] = []
    literal, end = "", 0
    for match in _REFERENCE.finditer(node.text):
        literal += _plain(node, node.text[end : match.start()], report)
        end = match.end()
        if match["sign"]:
            literal += "$"
            continue
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(Column((match["name"] or match["braced"]).strip()))
    literal += _plain(node, node.text[end:], report)
    if not parts:
        return Constant(literal)
    return Template((*parts, literal) if literal else tuple(parts))


def _plain(node: Scalar, part: str, report: Report) -> str:
    if "$" in part:
        sentence = (
            f"In `{printable(node.text)}` a `$` is not followed by a column; write `${{First "
            "name}` for a column with blanks in its name, and `$$` for the sign itself."
        )
        report.add(Code.WRONG_TYPE, node.start, sentence)
    return part


def _table(node: Node, report: Report) -> dict[str, Option]:
    if not isinstance(node, MapNode):
        nodes.wrong(node, "`table` is a mapping from cells to values", report)
        return {}
    made = {cell: _option(each, f"`{cell}`", report) for cell, each in node.items()}
    return {cell: option for cell, option in made.items() if option is not None}


def _time_of_day(node: Node | None, report: Report) -> time | None:
    written = nodes.text(node, "`at`", report)
    if written is None or node is None:
        return None
    match = _CLOCK.fullmatch(written)
    if match is None:
        sentence = f"`{printable(written)}` is not a time of day; write one such as `09:00`."
        report.add(Code.WRONG_TYPE, node.start, sentence)
        return None
    return time(int(match[1]), int(match[2]), int(match[3] or 0))


def _with_from(node: MapNode, known: tuple[str, ...], what: str, report: Report) -> MapNode | None:
    """The mapping form of a value. `{column}` is YAML for a mapping too, but means a cell."""
    if len(node) == 1:
        ((name, value),) = node.items()
        if isinstance(value, Scalar) and not value.text and not value.quoted:
            sentence = f"A column's cell is written `$name`: did you mean `${{{printable(name)}}}`?"
            report.add(Code.WRONG_TYPE, node.start, sentence)
            return None
    found = nodes.mapping(node, known, f"`{what}`", report, required=("from",))
    return found if found is not None and "from" in found else None
