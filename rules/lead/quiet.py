"""The touch that only earns points, and changes nothing else: by far the commonest one.

What it leaves behind is exactly what a whole turn would leave; where it could
change more than the sum of the points, `quiet` says so and a whole turn is made.
"""

from bisect import bisect_right
from datetime import datetime

import msgspec

from rules.conditions import Facts
from rules.events import Event
from rules.lead import points, trails
from rules.lead.rulebook import Rulebook
from rules.lead.state import Lead
from rules.lead.timers import earlier


def quiet(book: Rulebook, lead: Lead, event: Event, now: datetime) -> Lead | None:
    """The lead after the touch; None if the touch may change more than a number of points.

    The caller has made sure that the touch concerns no clause.
    """
    kind, cycle = event.type, lead.cycle
    plan, trail = book.plans.get(kind), cycle.trails.get(kind)
    if plan is None or trail is None or plan.keep or plan.points is None or lead.resting:
        return None
    if cycle.started_at is not None and event.time_at < cycle.started_at:
        return None
    when = plan.points.when
    earns = when is None or when.holds(Facts(event.data))
    known = trails.record(trail, plan, event, earns=earns, half_life_s=book.half_life_s)
    all_trails = {**cycle.trails, kind: known}
    touches = points.from_touches(all_trails, book.half_life_s, now)
    total = points.whole(touches + lead.profile_points)
    marks = book.boundaries
    if bisect_right(marks, total) != bisect_right(marks, lead.points):
        return None
    changes_at = points.next_change(book, touches, lead.profile_points, now)
    changes_at = earlier(lead.opinions_at, changes_at)
    return msgspec.structs.replace(
        lead,
        cycle=msgspec.structs.replace(cycle, trails=all_trails),
        points=total,
        temperature_at=changes_at,
        wake_at=earlier(lead.promises_at, changes_at),
    )
