"""The cycle before the present one, as a reopening would bring it back.

What is reported of it late is written down there. A lead that was recycled and
then won or lost goes back one ending at a time; only the first of those holds a
cycle.
"""

import msgspec

from rules.lead.state import Before, Cycle


def cycle(before: Before | None) -> Cycle | None:
    """The earlier cycle; None if the lead was never recycled, or nothing goes back so far."""
    while before is not None and before.cycle is None:
        before = before.earlier
    return None if before is None else before.cycle


def with_cycle(before: Before | None, revised: Cycle) -> Before | None:
    """`before` with that earlier cycle replaced."""
    if before is None:
        return None
    if before.cycle is not None:
        return msgspec.structs.replace(before, cycle=revised)
    return msgspec.structs.replace(before, earlier=with_cycle(before.earlier, revised))
