"""Escalation ladders: the chapter `escalations`, and those written inside a clause."""

from collections.abc import Sequence
from typing import Final

from rules.agreement import Step
from rules.loading.diagnostics import Code, Mark
from rules.loading.people import is_channel
from rules.loading.reading import Reading
from rules.loading.shapes import AgreementShape, StepShape
from rules.wording import printable

ROLES: Final = ("owner", "manager", "party")
"""Words of `tell` that mean whoever that is when the step is reached."""


def read_ladders(shape: AgreementShape, reading: Reading) -> dict[str, tuple[Step, ...]]:
    """The ladders by name."""
    return {
        name: read_ladder(steps, shape.place("escalations", name), reading)
        if shape.is_whole("escalations", name)
        else tuple(_step(step, reading) for step in steps)
        for name, steps in shape.escalations.items()
    }


def read_ladder(steps: Sequence[StepShape], at: Mark, reading: Reading) -> tuple[Step, ...]:
    """The steps of one ladder, written at `at`."""
    if not steps:
        reading.add(Code.EMPTY, at, "A ladder without steps tells nobody. Give it a step.")
    return tuple(_step(step, reading) for step in steps)


def _step(step: StepShape, reading: Reading) -> Step:
    for index, name in enumerate(step.tell):
        _check_told(name, step.place("tell", index), reading)
    reading.unique(step, "tell", step.tell)
    if not step.tell and step.do is None and step.is_whole() and step.is_whole("tell"):
        sentence = "This step tells nobody and does nothing. Add `tell: [...]`."
        reading.add(Code.EMPTY, step.place(), sentence)
    if step.do is not None and "routing" not in reading.names.chapters:
        sentence = "There is nobody to reassign to: the chapter `routing` is absent."
        reading.add(Code.MISSING_CHAPTER, step.place("do"), sentence)
    if step.at_most is not None and step.repeat is None and step.is_whole():
        sentence = "Without `repeat` this is told once, so `at_most` changes nothing."
        reading.add(Code.NO_EFFECT, step.key_place("at_most"), sentence)
    do = "reassign" if step.do is not None else None
    return Step(step.after, tuple(step.tell), do, step.repeat, step.at_most)  # type: ignore[arg-type]


def _check_told(name: str, at: Mark, reading: Reading) -> None:
    if name.startswith("#"):
        if not is_channel(name):
            sentence = f"`{printable(name)}` is no channel's name: Slack will not find it."
            reading.add(Code.BAD_SLACK, at, sentence)
        return
    reading.names.check("person", name, at, ROLES)
