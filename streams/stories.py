"""A lead's story from what is stored: its events, and between them what was decided."""

from collections.abc import Iterable, Sequence

from rules.decisions import Decision
from rules.events import Event


def interleave(events: Sequence[Event], decisions: Iterable[Decision]) -> list[Event | Decision]:
    """One lead's events and decisions in the order in which they came about.

    Events are in the log's order, with their stamps as `received_at`; decisions
    in that of their `sequence`. A decision stands behind the event that caused
    it; one that time caused, or another lead's event, behind all that the log
    had stamped before.
    """
    story: list[Event | Decision] = []
    told = 0
    for decision in decisions:
        upto = _behind(decision, events, told)
        story.extend(events[told:upto])
        told = max(told, upto)
        story.append(decision)
    story.extend(events[told:])
    return story


def _behind(decision: Decision, events: Sequence[Event], told: int) -> int:
    """How many of `events` come before the decision; `told` are already."""
    upto = told
    for place in range(told, len(events)):
        event = events[place]
        stamped_at = event.received_at or event.time_at
        if stamped_at > decision.time_at:
            break
        if event.id == decision.cause:
            return place + 1
        if stamped_at < decision.time_at:
            upto = place + 1
    return upto
