"""From the node tree to its shape: every fault of form at once, the sound rest kept.

What is faulty is reported, then cut out of the tree: the smallest item that can
go (a key, a list's item, or the mapping around it if the key is required). The
checks of meaning that follow see only what is left, so one fault does not make
others.
"""

from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from rules.loading.diagnostics import Code, Mark, Report
from rules.loading.leaves import BROKEN, kind_of
from rules.loading.shapes import TAGS, AgreementShape, StagesShape
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.vocabulary import STAGES
from rules.wording import did_you_mean, listed, printable

_STAND_INS: Final = {"agreement": "unnamed", "version": "1", "timezone": "UTC"}
"""What stands for the required keys of the file while the rest is checked."""
_ENTRY_KEYS: Final[dict[str | int, str]] = {
    "clause": "its name",
    "by": "the party that promises it",
}
"""What is required of a clause, in words."""
_KEY: Final = "[key]"
_STAGE_KEYS: Final = tuple(StagesShape.model_fields)
_WANTED: Final = {
    "model_type": "A mapping (lines of `key: value`)",
    "model_attributes_type": "A mapping (lines of `key: value`)",
    "dict_type": "A mapping (lines of `key: value`)",
    "list_type": "A list (`[one, another]`)",
}

Location = tuple[str | int, ...]


def check_shape(root: MapNode, report: Report) -> AgreementShape:
    """The shape of what is sound in `root`, which is cut down to that; faults go to `report`."""
    first = True
    while True:
        try:
            return AgreementShape.model_validate(root)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [_Fault(root, each) for each in found]
        if first:
            for fault in faults:
                fault.report(report)
        for fault in faults:
            fault.prune()
        for key, text in _STAND_INS.items():
            if key not in root:
                root[key] = Scalar(text, quoted=False, start=root.start)
        first = False


class _Step(NamedTuple):
    """One step down the tree; `node` is what stands there, None if nothing does."""

    container: ListNode | MapNode
    key: str | int
    node: Node | None


class _Fault:
    """One error of pydantic's, found again in the tree."""

    def __init__(self, root: MapNode, error: Any) -> None:
        self.type = str(error["type"])
        self.sentence = str(error["msg"])
        location = [step for step in error["loc"] if step not in TAGS]
        self.of_key = bool(location) and location[-1] == _KEY
        if self.of_key:
            location.pop()
        self.step: str | int = location[-1] if location else ""
        self.path: list[_Step] = []
        node: Node | None = root
        for step in location:
            container = node
            if isinstance(container, MapNode):
                node = container.get(str(step))
                self.path.append(_Step(container, str(step), node))
            elif isinstance(container, ListNode) and isinstance(step, int):
                node = container[step]
                self.path.append(_Step(container, step, node))
            else:
                break
        self.node = node

    def report(self, report: Report) -> None:
        """Add the diagnostic, unless the parser has found fault with the place already."""
        if self.type == BROKEN or (isinstance(self.node, Scalar) and self.node.broken):
            return
        code, at, sentence = self._finding()
        report.add(code, at, sentence)

    def _finding(self) -> tuple[Code, Mark, str]:
        if self.type == "missing":
            return Code.MISSING_KEY, self._enclosing_mark(), self._missing()
        if self.type == "extra_forbidden":
            return Code.UNKNOWN_KEY, self._key_mark(), self._unknown()
        at = self._key_mark() if self.of_key or self.node is None else self.node.start
        if self.type in _WANTED:
            wanted = _WANTED[self.type]
            sentence = f"{wanted} is wanted for {self._name()}, but {kind_of(self.node)} was read."
            return Code.WRONG_TYPE, at, sentence
        return Code(self.type), at, self.sentence

    def _name(self) -> str:
        names = [step.key for step in self.path if isinstance(step.key, str)]
        if not names:
            return "the file"
        last = self.path[-1].key
        entry = f"entry {last + 1} of " if isinstance(last, int) else ""
        return f"{entry}`{printable(names[-1])}`"

    def _key_mark(self) -> Mark:
        container, key, _ = self.path[-1]
        if isinstance(container, MapNode):
            return container.key_marks.get(str(key), container.start)
        return container.start

    def _enclosing_mark(self) -> Mark:
        """The key that holds the incomplete mapping, or where that mapping begins."""
        container = self.path[-1].container
        if len(self.path) > 1:
            parent, key, _ = self.path[-2]
            if isinstance(parent, MapNode):
                return parent.key_marks.get(str(key), container.start)
        return container.start

    def _missing(self) -> str:
        key = f"`{printable(str(self.step))}`"
        if len(self.path) == 1:
            return f"{key} is missing: every agreement needs `agreement`, `version`, `timezone`."
        inside = self.path[-2].key
        if not isinstance(inside, int):
            return f"{key} is missing in `{printable(inside)}`."
        meaning = f": {_ENTRY_KEYS[self.step]}" if self.step in _ENTRY_KEYS else ""
        entry = self.path[-1].container
        name = (entry.get("clause") or entry.get("name")) if isinstance(entry, MapNode) else None
        if isinstance(name, Scalar) and name.text:
            return f"`{printable(name.text)}` lacks {key}{meaning}."
        chapters = [step.key for step in self.path[:-2] if isinstance(step.key, str)]
        of = f" of `{printable(chapters[-1])}`" if chapters else ""
        return f"Entry {inside + 1}{of} lacks {key}{meaning}."

    def _unknown(self) -> str:
        container = self.path[-1].container
        key = str(self.step)
        known = container.known_keys if isinstance(container, MapNode) else ()
        if known == _STAGE_KEYS and key in STAGES:
            return f"`{key}` takes no condition: a lead enters it by an event. Remove it."
        hint = did_you_mean(key, known) or f" Known here: {listed(known)}."
        return f"`{printable(key)}` means nothing here.{hint}"

    def prune(self) -> None:
        """Cut out the smallest item that can go: for a missing key, what lacks it."""
        path = self.path[:-1] if self.type == "missing" else self.path
        if not path:
            return
        container, key, gone = path[-1]
        if isinstance(container, MapNode):
            container.pop(str(key), None)
        else:
            container[:] = [each for each in container if each is not gone]
        container.pruned = True
