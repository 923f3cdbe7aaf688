"""The words of the agreement: temperatures, stages, sources, reserved prefixes.

They are plain strings, because they are what people write in the agreement,
read in a decision and filter on in Grafana; the `Literal` types keep the code
from misspelling them.
"""

from typing import Final, Literal

Temperature = Literal["cold", "warm", "hot"]
TEMPERATURES: Final[tuple[Temperature, ...]] = ("cold", "warm", "hot")

TemperatureSource = Literal["horizon", "touches", "points"]
TEMPERATURE_SOURCES: Final[tuple[TemperatureSource, ...]] = ("horizon", "touches", "points")

Stage = Literal[
    "contact",
    "lead",
    "mql",
    "sql",
    "opportunity",
    "customer",
    "nurturing",
    "lost",
    "disqualified",
]
FUNNEL: Final[tuple[Stage, ...]] = ("contact", "lead", "mql", "sql", "opportunity", "customer")
"""Stages in the order in which a lead climbs them."""
STAGES: Final[tuple[Stage, ...]] = (*FUNNEL, "nurturing", "lost", "disqualified")
CONDITIONAL_STAGES: Final[tuple[Stage, ...]] = ("lead", "mql", "sql", "opportunity")
"""Stages that an agreement may give a condition; events alone enter the others."""
ENDED: Final[frozenset[Stage]] = frozenset({"customer", "lost", "disqualified"})
"""Stages that no condition leaves: only an event does."""

BreachKind = Literal["late", "too_few_attempts", "too_many_attempts"]
SALES: Final = "sales"
"""The party whose clauses `lead.paused` stops."""
