"""YAML text to a tree of nodes that know where they were written.

Built from libyaml's events with an explicit stack, so that nothing in a file
can make it recurse, expand or construct: aliases, anchors, tags, merge keys and
further documents are faults, never followed. Every fault that leaves the rest
readable is reported and passed over; what stands in its place is marked
`broken`, and no later check complains about it again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from rules.loading.diagnostics import Code, Mark, Report
from rules.loading.scalars import ScalarValue, resolve
from rules.loading.syntax_words import explain
from rules.wording import printable

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 200_000
FIRST: Final = Mark(1, 1)
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff"
    "\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Control and bidirectional characters, line breaks that editors do not show, surrogates."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A word or number as written; `broken` stands where a reported fault was."""

    text: str
    quoted: bool
    start: Mark
    broken: bool = False

    @property
    def value(self) -> ScalarValue:
        return resolve(self.text, quoted=self.quoted)


class ListNode(list["Node"]):
    """A list and where it begins; `pruned` once something faulty was cut out of it."""

    __slots__ = ("pruned", "start")

    def __init__(self, start: Mark) -> None:
        super().__init__()
        self.start = start
        self.pruned = False


class MapNode(dict[str, "Node"]):
    """A mapping, where it and its keys begin, and (once checked) which keys it may have.

    `repeated` holds what duplicate keys stood for, `pruned` says that something
    faulty was cut out.
    """

    __slots__ = ("key_marks", "known_keys", "pruned", "repeated", "start")

    def __init__(self, start: Mark) -> None:
        super().__init__()
        self.start = start
        self.key_marks: dict[str, Mark] = {}
        self.known_keys: tuple[str, ...] = ()
        self.pruned = False
        self.repeated: list[tuple[str, Node]] = []


Node = Scalar | ListNode | MapNode


def read_tree(source: bytes | str, report: Report) -> Node | None:
    """The tree of one YAML document.

    None where nothing can be made of the file at all; the reason is then in
    `report`. Faults that leave the rest readable are reported as well.
    """
    text = _text(source, report)
    if text is None:
        return None
    builder = _Builder(report)
    try:
        for event in _events(text):
            if not builder.take(event):
                break
    except yaml.MarkedYAMLError as error:
        report.add(*explain(text, error))
        return None
    except yaml.YAMLError as error:
        report.add(Code.SYNTAX, FIRST, f"This is not YAML: {printable(str(error))}.")
        return None
    return None if builder.failed else builder.root


def _events(text: str) -> Iterator[Any]:
    events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
    return events


def _text(source: bytes | str, report: Report) -> str | None:
    """`source` decoded, or None (and a report) if it is too large or holds bad characters."""
    if len(source) > MAX_BYTES:
        sentence = (
            f"The file has over {MAX_BYTES:,} bytes, which is the most that is read. Split it."
        )
        report.add(Code.TOO_LARGE, FIRST, sentence)
        return None
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            before = source[: error.start].decode("utf-8")
            sentence = (
                f"Byte 0x{source[error.start]:02x} is not UTF-8. "
                "Save the file with the encoding UTF-8."
            )
            report.add(Code.BAD_CHARACTER, _mark_after(before), sentence)
            return None
    else:
        text = source
    text = text.removeprefix("\ufeff")
    hidden = _HIDDEN.search(text)
    if hidden is not None:
        sentence = (
            f"Character U+{ord(hidden[0]):04X} cannot be seen in an editor. Delete it, or "
            "type the text around it again."
        )
        report.add(Code.BAD_CHARACTER, _mark_after(text[: hidden.start()]), sentence)
        return None
    return text


def _mark_after(before: str) -> Mark:
    lines = re.split(r"\r\n|\r|\n", before)
    return Mark(len(lines), len(lines[-1]) + 1)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open; `key` waits for its value."""

    node: ListNode | MapNode
    key: str | None = None
    key_mark: Mark = FIRST
    skipping: bool = False
    """The value to come belongs to a key that was refused."""
    repeated: str = ""
    """The refused key, if it was a repeated one."""
    run_on: bool = False
    """The `- ` before the next item of a list is missing: that explains all repeated keys."""


_ENDS: Final = frozenset({yaml.SequenceEndEvent, yaml.MappingEndEvent})
_NODES: Final = frozenset(
    {yaml.ScalarEvent, yaml.AliasEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent}
)


class _Builder:
    """Builds the tree from parser events; `take` says whether to go on."""

    def __init__(self, report: Report) -> None:
        self.root: Node | None = None
        self.failed = False
        self._report = report
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> bool:
        kind = type(event)
        if kind in _ENDS:
            self._stack.pop()
            return True
        mark = event.start_mark
        if kind in _NODES:
            return self._node(event, Mark(mark.line + 1, mark.column + 1))
        if kind is yaml.DocumentStartEvent:
            return self._document(Mark(mark.line + 1, mark.column + 1))
        return True

    def _document(self, at: Mark) -> bool:
        self._documents += 1
        if self._documents == 1:
            return True
        sentence = (
            "A second document begins here, and a file is one document: "
            "delete this `---`, or move what follows into a file of its own."
        )
        self._report.add(Code.SEVERAL_DOCUMENTS, at, sentence)
        return False

    def _node(self, event: Any, at: Mark) -> bool:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            sentence = f"The file holds over {MAX_NODES:,} values. Split it."
            return self._fail(Code.TOO_LARGE, at, sentence)
        self._check_extras(event, at)
        if type(event) is yaml.ScalarEvent:
            self._check_escapes(event, at)
            quoted = event.style is not None and event.style != ""
            self._place(Scalar(event.value, quoted, at), at)
        elif isinstance(event, yaml.AliasEvent):
            self._place(Scalar("", True, at, broken=True), at)
        else:
            if len(self._stack) >= MAX_DEPTH:
                sentence = f"Nested deeper than {MAX_DEPTH} levels. Is a bracket never closed?"
                return self._fail(Code.TOO_DEEP, at, sentence)
            opens_list = isinstance(event, yaml.SequenceStartEvent)
            node = ListNode(at) if opens_list else MapNode(at)
            self._place(node, at)
            self._stack.append(_Frame(node))
        return True

    def _fail(self, code: Code, at: Mark, sentence: str) -> bool:
        self._report.add(code, at, sentence)
        self.failed = True
        return False

    def _check_extras(self, event: Any, at: Mark) -> None:
        """Report anchors, aliases and tags; the node itself is read as if they were absent."""
        if type(event) is yaml.AliasEvent:
            name = printable(str(event.anchor))
            sentence = f"`*{name}` refers to another place. Write out what is meant here."
            self._report.add(Code.ALIAS, at, sentence)
            return
        if event.anchor is not None:
            name = printable(event.anchor)
            sentence = f"`&{name}` marks this place to be referred to; delete it."
            self._report.add(Code.ALIAS, at, sentence)
        if event.tag is not None:
            tag = printable(event.tag.replace("tag:yaml.org,2002:", "!!"))
            sentence = f"The tag `{tag}` is not allowed; delete it (and quote what must be text)."
            self._report.add(Code.TAG, at, sentence)

    def _check_escapes(self, event: Any, at: Mark) -> None:
        """Report hidden characters that double quotes brought in by an escape."""
        hidden = _HIDDEN.search(event.value) if event.style == '"' else None
        if hidden is not None:
            sentence = f"The escape for U+{ord(hidden[0]):04X} makes a character nobody can see."
            self._report.add(Code.BAD_CHARACTER, at, f"{sentence} Delete it.")

    def _place(self, node: Node, at: Mark) -> None:
        """Put `node` where the parser is: the root, a list's next item, a key or its value."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, ListNode):
            frame.node.append(node)
        elif frame.skipping:
            frame.node.repeated.append((frame.repeated, node))
            frame.skipping, frame.repeated = False, ""
        elif frame.key is None:
            self._key(frame, frame.node, node, at)
        else:
            if type(node) is Scalar and not node.text and not node.quoted:
                node.start = frame.key_mark  # nothing is written: the key is the place
            frame.node[frame.key] = node
            frame.node.key_marks[frame.key] = frame.key_mark
            frame.key = None

    def _key(self, frame: _Frame, mapping: MapNode, node: Node, at: Mark) -> None:
        """Take `node` as the next key; a refused one makes its value be skipped."""
        if not isinstance(node, Scalar) or node.broken:
            if not isinstance(node, Scalar):
                sentence = "A list or mapping cannot be a key; put the key's text in quotes."
                self._report.add(Code.BAD_KEY, at, sentence)
            frame.skipping = True
        elif node.text == "<<" and not node.quoted:
            sentence = "`<<` merges another mapping in. Write out what is meant here."
            self._report.add(Code.MERGE_KEY, at, sentence)
            frame.skipping = True
        elif node.text in mapping:
            if not frame.run_on:
                self._report.add(Code.DUPLICATE_KEY, at, self._repeated(frame, node.text, at))
            frame.skipping, frame.repeated = True, node.text
        else:
            frame.key, frame.key_mark = node.text, at

    def _repeated(self, frame: _Frame, key: str, at: Mark) -> str:
        """What to say of `key`, which stands in the mapping already."""
        assert isinstance(frame.node, MapNode)
        first = frame.node.key_marks[key]
        shown = printable(key)
        is_item = len(self._stack) > 1 and isinstance(self._stack[-2].node, ListNode)
        if is_item and first == frame.node.start and at.line > first.line:
            frame.run_on = True
            return (
                f"`{shown}` is here a second time. A new entry of the list begins with "
                f"`- {shown}:`."
            )
        place = f"{first.line}:{first.column}"
        return f"`{shown}` is here a second time; the first is at {place}. Keep one of them."
