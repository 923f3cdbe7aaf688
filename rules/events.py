"""Events: what happened to a lead, as the codec hands it over (contract, section 1)."""

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

LEAD_EVENTS: Final = frozenset(
    {
        "lead.captured",
        "lead.updated",
        "lead.accepted",
        "lead.attempted",
        "lead.qualified",
        "lead.rejected",
        "lead.paused",
        "lead.resumed",
        "lead.reassigned",
        "lead.claimed",
        "lead.reopened",
        "lead.feedback",
        "sla.acknowledged",
        "opportunity.opened",
        "deal.won",
        "deal.lost",
        "deal.recorded",
    }
)
"""Listed types whose subject is a lead."""
REP_EVENTS: Final = frozenset({"rep.away", "rep.back"})
"""Listed types whose subject is a person of the agreement."""
CAMPAIGN_EVENTS: Final = frozenset({"campaign.spend"})
LISTED_EVENTS: Final = LEAD_EVENTS | REP_EVENTS | CAMPAIGN_EVENTS
RESERVED_PREFIXES: Final = ("lead.", "sla.", "rep.", "deal.", "opportunity.", "campaign.")
"""Types under these that are not listed are errors: a typing error must not heat a lead."""
_JOINERS: Final = re.compile("[\u200c\u200d]")

Value = str | int | float | bool | None | list[Any] | dict[str, Any]


class Event(msgspec.Struct, frozen=True, gc=False):
    """One validated CloudEvent.

    `time_at` is when it happened by its source's word; `received_at` is when
    the log took it, absent where no log has stamped it yet. Both are aware UTC.
    """

    id: str
    source: str
    type: str
    subject: str
    time_at: datetime
    data: dict[str, Any]
    received_at: datetime | None = None


def folded(event_type: str) -> str:
    """`event_type` as a reader takes it: `lead.captured` for ` Lead.Captured` and the like.

    Without outer spaces and joiners, in lower case, and full-width letters as
    ordinary ones.
    """
    if not event_type.isascii():
        event_type = _JOINERS.sub("", unicodedata.normalize("NFKC", event_type))
    return event_type.strip().casefold()


@lru_cache(maxsize=1024)  # there are few types, and every event asks
def is_reserved(event_type: str) -> bool:
    """Whether a type that is not listed stands under a reserved prefix, however it is written.

    A typing error must not heat a lead (contract, section 1), and a capital
    letter is one.
    """
    return folded(event_type).startswith(RESERVED_PREFIXES)


def is_touch(event_type: str) -> bool:
    """Whether a valid event of this type is a touch: anything that is not listed."""
    return event_type not in LISTED_EVENTS
