"""What the chapters' readers share while one file is read."""

from dataclasses import dataclass

from rules.conditions import Condition
from rules.loading.conditions import ConditionReader
from rules.loading.diagnostics import Code, Mark, Report
from rules.loading.event_names import EventNames
from rules.loading.fields import Scope
from rules.loading.names import Names
from rules.loading.shapes import Shape
from rules.wording import printable


@dataclass(frozen=True, slots=True)
class Reading:
    """The report, the declared names, and the readers of conditions and event types."""

    report: Report
    names: Names
    events: EventNames
    conditions: ConditionReader

    def condition(self, shape: Shape, key: str, scope: Scope) -> Condition | None:
        """The condition under `key` of `shape`; None where it is absent or faulty."""
        return self.conditions.read(shape.node(key), scope) if shape.has(key) else None

    def add(self, code: Code, at: Mark, sentence: str) -> None:
        self.report.add(code, at, sentence)

    def unique(self, shape: Shape, key: str, values: list[str]) -> tuple[str, ...]:
        """`values` of the list under `key` without repetitions, each of which is reported."""
        seen: dict[str, None] = {}
        for index, value in enumerate(values):
            if value in seen:
                sentence = f"`{printable(value)}` is in the list twice. Remove one."
                self.add(Code.DUPLICATE_NAME, shape.place(key, index), sentence)
            seen[value] = None
        return tuple(seen)


def reading_of(names: Names, report: Report) -> Reading:
    """A fresh reading of the file that declares `names`."""
    absent = {
        field: chapter
        for field, chapter in (("temperature", "temperature"), ("icp", "ideal_customer"))
        if chapter not in names.chapters
    }
    if "points" not in names.temperature_sources:
        absent["points"] = "temperature.points"
    events = EventNames(report)
    return Reading(report, names, events, ConditionReader(report, events, absent))
