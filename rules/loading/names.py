"""The names that an agreement declares, and the check that a used one is declared.

A name counts as declared even where what it declares is faulty: one fault is
reported once, where it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rules.loading.diagnostics import Code, Mark, Report
from rules.loading.shapes import find
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.wording import did_you_mean, printable

NameKind = Literal["person", "team", "calendar", "ladder", "party", "reason"]

_CHAPTERS: Final[Mapping[NameKind, tuple[str, ...]]] = {
    "person": ("people",),
    "team": ("routing", "teams"),
    "calendar": ("calendars",),
    "ladder": ("escalations",),
    "party": ("parties",),
    "reason": ("rejection", "reasons"),
}
_CODES: Final[Mapping[NameKind, Code]] = {
    "person": Code.UNDEFINED_PERSON,
    "team": Code.UNDEFINED_TEAM,
    "calendar": Code.UNDEFINED_CALENDAR,
    "ladder": Code.UNDEFINED_LADDER,
    "party": Code.UNDEFINED_PARTY,
    "reason": Code.UNDEFINED_REASON,
}
_CALENDAR_WORDS: Final = ("always", "owner")
_TELL_WORDS: Final = ("owner", "manager", "party")


@dataclass(slots=True)
class Names:
    """What is declared, by kind; `used` grows as names are looked up."""

    report: Report
    declared: Mapping[NameKind, frozenset[str]]
    unreadable: frozenset[NameKind]
    """Kinds whose chapter is faulty as a whole: any name may have been meant there."""
    chapters: frozenset[str]
    """The chapters that the file has, faulty ones too."""
    temperature_sources: tuple[str, ...]
    stages: frozenset[str]
    used: set[tuple[NameKind, str]] = field(default_factory=set)

    def check(self, kind: NameKind, name: str, at: Mark, also: Iterable[str] = ()) -> bool:
        """Whether `name` is declared (or one of `also`); if not, that is reported."""
        if name in self.declared[kind]:
            self.used.add((kind, name))
            return True
        known = (*self.declared[kind], *also)
        if name in known or kind in self.unreadable:
            return True
        chapter = ".".join(_CHAPTERS[kind])
        hint = did_you_mean(name, known) or f" Declare it under `{chapter}`."
        sentence = f"There is no {kind} `{printable(name)}`.{hint}"
        self.report.add(_CODES[kind], at, sentence)
        return False

    def check_reserved(self, kind: NameKind, name: str, at: Mark) -> bool:
        """Whether `name` may be declared; if it has a meaning of its own, that is reported."""
        words = _CALENDAR_WORDS if kind == "calendar" else _TELL_WORDS
        if name not in words and not (kind == "person" and name.startswith("#")):
            return True
        sentence = f"`{printable(name)}` has a meaning of its own; name the {kind} otherwise."
        self.report.add(Code.RESERVED_NAME, at, sentence)
        return False


def declared_names(root: MapNode, report: Report) -> Names:
    """The names in the tree as it was written, before anything faulty is cut out."""
    return Names(
        report=report,
        unreadable=frozenset(
            kind for kind, path in _CHAPTERS.items() if kind != "reason" and _unreadable(root, path)
        ),
        declared={kind: _names_at(root, path) for kind, path in _CHAPTERS.items()},
        chapters=frozenset(root),
        temperature_sources=tuple(_names_at(root, ("temperature",))),
        stages=_names_at(root, ("stages",)),
    )


def _names_at(root: MapNode, path: tuple[str, ...]) -> frozenset[str]:
    parent: Node = find(root, *path[:-1]) if len(path) > 1 else root
    node = parent.get(path[-1]) if isinstance(parent, MapNode) else None
    if isinstance(node, MapNode) and isinstance(parent, MapNode):
        again = [each for key, each in parent.repeated if key == path[-1]]
        return frozenset(node).union(*(each for each in again if isinstance(each, MapNode)))
    if isinstance(node, ListNode):
        return frozenset(each.text for each in node if isinstance(each, Scalar))
    return frozenset()


def _unreadable(root: MapNode, path: tuple[str, ...]) -> bool:
    """Whether something else than a mapping stands on the way to a chapter, or in its place."""
    node: Node | None = root
    for step in path:
        if not isinstance(node, MapNode):
            return True
        node = node.get(step)
        if node is None:
            return False
    return not isinstance(node, MapNode)
