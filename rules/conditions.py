"""Conditions over what is known of a lead, compiled into callables.

The loader (`rules.loading.conditions`) compiles them; the engine asks whether
they hold and, where a decision needs its reasons, which parts of them did.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from rules.vocabulary import Stage, Temperature

NO_TOUCHES: frozenset[str] = frozenset()


@dataclass(slots=True)
class Facts:
    """What conditions may ask about.

    For a condition over an event's data (`where`, a touch's `when`), `profile`
    is that data and the rest stays at its defaults.
    """

    profile: Mapping[str, Any]
    temperature: Temperature | None = None
    stage: Stage = "contact"
    points: int = 0
    icp: bool = False
    touched: Set[str] = NO_TOUCHES


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    `reasons` gives, for facts for which the condition holds, one short phrase
    per part that made it hold, with the lead's own value: `temperature is hot`,
    `employees is 120 (at least 50)`. `fields` are the fields that it reads,
    `touched` the touch types it asks for, and `point_boundaries` the whole
    points at which its answer may change.
    """

    text: str
    holds: Callable[[Facts], bool]
    reasons: Callable[[Facts], tuple[str, ...]]
    fields: frozenset[str]
    touched: frozenset[str]
    point_boundaries: frozenset[int]
