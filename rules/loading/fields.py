"""Which fields conditions may name, and what kind of value each of them has.

The contract's lists (section 1), plus any other name, about which nothing is
known. A condition reads either the lead, or the data of one event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rules.loading.parts import DERIVED
from rules.vocabulary import STAGES, TEMPERATURES

Kind = Literal["text", "number", "boolean", "word", "open"]

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": TEMPERATURES,
    "stage": STAGES,
    "origin": ("marketing", "sales"),
}
"""Fields whose values are a closed set."""
_PROFILE_TEXTS: Final = (
    "email",
    "phone",
    "name",
    "company",
    "account",
    "job_title",
    "industry",
    "country",
    "region",
    "language",
    "source",
    "campaign",
)
_DATA_TEXTS: Final = (
    "asset",
    "campaign",
    "channel",
    "outcome",
    "by",
    "to",
    "reason",
    "comment",
    "currency",
    "wanted",
)
_QUALIFIED: Final = ("budget", "authority", "need")
LEAD_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_PROFILE_TEXTS, "text"),
    **dict.fromkeys(("employees", "purchase_horizon_months", "points"), "number"),
    **dict.fromkeys(("product_fit", "icp"), "boolean"),
    **dict.fromkeys(WORDS, "word"),
    **dict.fromkeys(_QUALIFIED, "open"),
}
DATA_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_PROFILE_TEXTS, "text"),
    **dict.fromkeys(_DATA_TEXTS, "text"),
    **dict.fromkeys(("employees", "purchase_horizon_months", "rating", "value"), "number"),
    "product_fit": "boolean",
    "origin": "word",
    **dict.fromkeys(_QUALIFIED, "open"),
}
LEAD_ONLY: Final = (*DERIVED, "touched")
"""Fields that only a lead has, never an event."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a condition may read; `forbidden` are fields with the sentence why not."""

    of_data: bool = False
    forbidden: Mapping[str, str] = field(default_factory=dict)

    def kind(self, name: str) -> Kind:
        """What is known about the field's values."""
        return (DATA_KINDS if self.of_data else LEAD_KINDS).get(name, "open")

    @property
    def known(self) -> tuple[str, ...]:
        if self.of_data:
            return tuple(DATA_KINDS)
        return (*LEAD_KINDS, "touched")


_TRAITS: Final = "the ideal customer profile is about the lead's own traits and comes before it"
_WORTH: Final = "points decide it, so it cannot decide points"
_OWN: Final = "these points are for who the lead is; points for touches stand under `touches`"

LEAD: Final = Scope()
"""Anything about the lead."""
DATA: Final = Scope(of_data=True)
"""The data of one event, and nothing else."""
TRAITS: Final = Scope(forbidden=dict.fromkeys(LEAD_ONLY, _TRAITS))
"""What `ideal_customer` may read."""
WORTH: Final = Scope(
    forbidden={"temperature": _WORTH, "stage": _WORTH, "points": _WORTH, "touched": _OWN}
)
"""What points for the profile may read."""
