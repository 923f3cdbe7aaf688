"""Loading a mapping file: all of its faults at once, each with its line and column.

The language is described in `docs/import.md`. Keys that say how a file is
written (`_FILE_SETTINGS`) may stand at the top, for all files, or with a file.
"""

import codecs
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from rules.events import LISTED_EVENTS, folded, is_reserved
from rules.loading.diagnostics import Code, Diagnostic, Mark, Report
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar, read_tree
from rules.wording import did_you_mean, printable
from streams.mapping import nodes
from streams.mapping.model import Constant, EventMapping, FileMapping, ImportMapping, Option, Value
from streams.mapping.values import load_moment, load_test, load_value, load_zone

_FILE_SETTINGS: Final = ("source", "timezone", "delimiter", "encoding", "decimal", "empty")
_EVENT_KEYS: Final = ("when", "type", "subject", "time", "id", "receivedat", "data")
_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """`mapping` is None exactly where `diagnostics` has an error."""

    mapping: ImportMapping | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Settings:
    """How a file is written, as far as it has been said."""

    source: str | None = None
    zone: ZoneInfo | None = None
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    decimal: str = "."
    empty: frozenset[str] = frozenset()


def load_mapping(source: bytes | str, filename: str = "mapping.yaml") -> LoadedMapping:
    """Load a mapping file. Never raises: faults are diagnostics."""
    report = Report(filename)
    root = read_tree(source, report)
    mapping = None
    if root is not None:
        mapping = _mapping(root, report)
    elif not report.has_errors:
        report.add(Code.EMPTY, _START, "The file is empty; see `docs/import.md` for a mapping.")
    return LoadedMapping(None if report.has_errors else mapping, report.sorted())


_START: Final = Mark(1, 1)


def _mapping(root: Node, report: Report) -> ImportMapping | None:
    known = (*_FILE_SETTINGS, "sort", "files", "events")
    top = nodes.mapping(root, known, "a mapping file", report)
    if top is None:
        return None
    settings = _settings(top, _Settings(), report)
    sort = nodes.one_of(top.get("sort"), ("time",), "`sort`", report) is not None
    if ("files" in top) == ("events" in top):
        sentence = (
            "Say either `events:`, for one kind of file, or `files:`, a list with `file:` and "
            "`events:` for each kind."
        )
        code = Code.CONTRADICTION if "files" in top else Code.MISSING_KEY
        report.add(code, nodes.mark(top, "files"), sentence)
        return None
    sections: list[FileMapping | None]
    if "events" in top:
        sections = [_section(top, "*", settings, report)]
    else:
        sections = [_file(each, settings, report) for each in _list(top, "files", report)]
    return ImportMapping(tuple(each for each in sections if each is not None), sort)


def _list(parent: MapNode, key: str, report: Report) -> ListNode:
    node = parent[key]
    if isinstance(node, ListNode) and node:
        return node
    if isinstance(node, ListNode) or (isinstance(node, Scalar) and not node.text):
        report.add(Code.EMPTY, node.start, f"`{key}` lists nothing.")
    else:
        nodes.wrong(node, f"`{key}` is a list, each item beginning with `- `", report)
    return ListNode(node.start)


def _file(node: Node, defaults: _Settings, report: Report) -> FileMapping | None:
    known = ("file", *_FILE_SETTINGS, "events")
    found = nodes.mapping(node, known, "an item of `files`", report, required=("file", "events"))
    if found is None or "events" not in found:
        return None
    pattern = nodes.text(found.get("file"), "`file`", report)
    return _section(found, pattern or "*", _settings(found, defaults, report), report)


def _section(
    node: MapNode, pattern: str, settings: _Settings, report: Report
) -> FileMapping | None:
    if settings.source is None:
        sentence = (
            "Say where the events come from: `source:`, such as `source: /hubspot`. With the "
            "subject and the id it names an event."
        )
        report.add(Code.MISSING_KEY, node.start, sentence)
    events = [_event(each, settings, report) for each in _list(node, "events", report)]
    return FileMapping(
        pattern=pattern,
        source=settings.source or "",
        delimiter=settings.delimiter,
        encoding=settings.encoding,
        decimal=settings.decimal,
        empty=settings.empty,
        events=tuple(each for each in events if each is not None),
    )


def _settings(node: MapNode, defaults: _Settings, report: Report) -> _Settings:
    settings = replace(
        defaults,
        source=nodes.text(node.get("source"), "`source`", report) or defaults.source,
        zone=load_zone(node.get("timezone"), report) or defaults.zone,
        encoding=_encoding(node.get("encoding"), report) or defaults.encoding,
        delimiter=_delimiter(node.get("delimiter"), report) or defaults.delimiter,
        decimal=nodes.one_of(node.get("decimal"), (".", ","), "`decimal`", report)
        or defaults.decimal,
    )
    if "empty" in node:
        settings = replace(settings, empty=frozenset(nodes.texts(node["empty"], "`empty`", report)))
    return settings


def _delimiter(node: Node | None, report: Report) -> str | None:
    written = nodes.text(node, "`delimiter`", report)
    if written is None or node is None:
        return None
    delimiter = _DELIMITERS.get(written, written)
    if len(delimiter) != 1 or delimiter in '"\r\n' or delimiter.isalnum():
        sentence = (
            f"`{printable(written)}` is no delimiter; write one character in quotes, such as "
            '";" or "\\t".'
        )
        report.add(Code.UNKNOWN_WORD, node.start, sentence)
        return None
    return delimiter


def _encoding(node: Node | None, report: Report) -> str | None:
    written = nodes.text(node, "`encoding`", report)
    if written is None or node is None:
        return None
    try:
        name = codecs.lookup(written).name
        "".encode(name)  # refuses codecs that are not about text, such as base64
    except (LookupError, ValueError):
        sentence = (
            f"The encoding `{printable(written)}` is not known; write one such as `utf-8`, "
            "`windows-1252` or `utf-16`."
        )
        report.add(Code.UNKNOWN_WORD, node.start, sentence)
        return None
    return "utf-8-sig" if name == "utf-8" else name


def _event(node: Node, settings: _Settings, report: Report) -> EventMapping | None:
    required = ("type", "subject", "time")
    found = nodes.mapping(node, _EVENT_KEYS, "an item of `events`", report, required=required)
    if found is None or any(key not in found for key in required):
        return None
    zone = settings.zone
    kind = load_value(found["type"], "type", report)
    if kind is not None:
        _check_types(kind, found["type"], report)
    subject = load_value(found["subject"], "subject", report)
    time = load_moment(found["time"], "time", zone, report)
    identity = load_value(found["id"], "id", report) if "id" in found else None
    received = (
        load_moment(found["receivedat"], "receivedat", zone, report)
        if "receivedat" in found
        else None
    )
    if kind is None or subject is None or time is None:
        return None
    when = _entries(found, "when", report)
    data = _entries(found, "data", report)
    tests = {name: load_test(each, report) for name, each in when.items()}
    values = {name: load_value(each, name, report) for name, each in data.items()}
    return EventMapping(
        when={name: test for name, test in tests.items() if test is not None},
        type=kind,
        subject=subject,
        time=time,
        id=identity,
        received_at=received,
        data={name: value for name, value in values.items() if value is not None},
    )


def _entries(parent: MapNode, key: str, report: Report) -> dict[str, Node]:
    node = parent.get(key)
    if node is None or isinstance(node, MapNode):
        return dict(node or {})
    what = "columns, each with what its cell must be" if key == "when" else "fields"
    nodes.wrong(node, f"`{key}` is a mapping of {what}", report)
    return {}


def _check_types(kind: Value, node: Node, report: Report) -> None:
    """Types that the border would refuse in every row are refused here, once."""
    options: tuple[Option, ...] = (*kind.options, *(kind.table or {}).values())
    for option in (*options, *((kind.default,) if kind.default else ())):
        if not isinstance(option, Constant) or not isinstance(option.value, str):
            continue
        name = option.value
        if name not in LISTED_EVENTS and is_reserved(name):
            sentence = (
                f"`{printable(name)}` is not an event type; types under "
                f"`{folded(name).split('.')[0]}.` are a closed list."
                f"{did_you_mean(folded(name), LISTED_EVENTS)} See `docs/events.md` for them, or "
                "name a touch of your own otherwise."
            )
            report.add(Code.UNKNOWN_EVENT, node.start, sentence)
