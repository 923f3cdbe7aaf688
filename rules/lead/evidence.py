"""Evidence: what counts towards keeping a promise, and when that makes it kept.

Contract, section 2, 'Clauses with a deadline': evidence counts by its own time,
and nothing from before the start event counts.
"""

from datetime import datetime

import msgspec

from rules.agreement import Ends
from rules.conditions import Facts
from rules.events import is_touch
from rules.lead.state import Clock, Evidence, Trigger
from rules.lead.trails import asset_key
from rules.wording import value_text


def serves(ends: Ends, trigger: Trigger) -> bool:
    """Whether `trigger` is something that `ends` counts."""
    if ends.event is None:
        # Decisions have no id: what the engine decides is nobody's touch.
        if not trigger.id or not is_touch(trigger.type):
            return False
    elif trigger.type != ends.event:
        return False
    return ends.where is None or ends.where.holds(Facts(trigger.data))


def _value(ends: Ends, trigger: Trigger) -> str | None:
    if ends.distinct is None:
        return None
    if ends.distinct == "type":
        return trigger.type
    value = trigger.data.get(ends.distinct)
    return None if value is None else asset_key(value_text(value))


def of(ends: Ends, trigger: Trigger) -> Evidence | None:
    """`trigger` as evidence; None if it lacks the value that has to be distinct."""
    value = _value(ends, trigger)
    if ends.distinct is not None and value is None:
        return None
    return Evidence(trigger.time_at, value, trigger.id)


def newest(seen: tuple[Evidence, ...], ends: Ends, found: Evidence) -> tuple[Evidence, ...]:
    """The newest evidence, each value once, as much as it takes to keep the promise."""
    others = [each for each in seen if found.value is None or each.value != found.value]
    same = [each for each in seen if each not in others]
    kept = [*others, max([*same, found], key=lambda each: each.time_at)]
    kept.sort(key=lambda each: each.time_at)
    return tuple(kept[-ends.count :])


def added(clock: Clock, ends: Ends, found: Evidence) -> Clock:
    """The clock with one more piece of evidence, if it counts; only as much as needed is kept."""
    value = found.value
    if found.time_at < clock.since_at:
        return clock
    kept = list(clock.evidence)
    if value is not None:
        same = next((each for each in kept if each.value == value), None)
        if same is not None:
            if same.time_at <= found.time_at:
                return clock
            kept.remove(same)
    kept.append(found)
    kept.sort(key=lambda each: each.time_at)
    return msgspec.structs.replace(clock, evidence=tuple(kept[: ends.count]))


def kept_at(clock: Clock, ends: Ends) -> datetime | None:
    """When the promise was kept by the evidence's own time, None if it is not yet."""
    return clock.evidence[ends.count - 1].time_at if len(clock.evidence) >= ends.count else None
