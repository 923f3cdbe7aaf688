"""How a lead ends, comes back to nurturing, and is reopened.

Contract, section 2, 'Stages' and 'Fine points': a recycled lead starts afresh in
`nurturing`; reopening says that a win, a loss or a rejection was a mistake.
"""

from datetime import datetime
from typing import Final

from rules.decisions import Recycled
from rules.lead import attempts as attempt_log
from rules.lead import handoff, limits, stages, temperature, trails
from rules.lead.profile import HORIZON_FIELD
from rules.lead.rulebook import rank
from rules.lead.state import Attempts, Before, Cycle, Limits
from rules.lead.turn import Ending, Turn
from rules.vocabulary import ENDED, FUNNEL, Stage

_MISTAKES: Final[dict[Stage, str]] = {
    "customer": "the win",
    "lost": "the loss",
    "disqualified": "the disqualification",
    "nurturing": "the rejection",
}


def _ending(turn: Turn, word: str, attempts: Attempts, rejected: str | None = None) -> Ending:
    lead = turn.lead
    facts = turn.facts()
    return Ending(
        word,
        lead.owner,
        lead.team,
        type(facts)(
            lead.profile, lead.temperature, lead.stage, lead.points, lead.icp,
            frozenset(lead.cycle.trails),
        ),
        attempts,
        lead.cycle.limits,
        rejected,
    )  # fmt: skip


def end(turn: Turn, stage: Stage, word: str, because: tuple[str, ...]) -> None:
    """Win, lose or disqualify the lead. Its owner stays known."""
    lead = turn.lead
    turn.ended = _ending(turn, word, lead.cycle.attempts)
    earlier = lead.before if lead.stage in ENDED or lead.stage == "nurturing" else None
    lead.before = Before(lead.stage, lead.owner, lead.team, lead.rule, None, earlier)
    limits.call_off(turn)
    handoff.free(turn)
    lead.resting = False
    stages.enter(turn, stage, because)


def recycle(
    turn: Turn, reason: str, start_at: datetime, because: tuple[str, ...], *, rejected: bool
) -> None:
    """Give the lead back to nurturing; its new cycle starts at `start_at`."""
    lead = turn.lead
    over, begun = _parted(turn, start_at)
    turn.ended = _ending(turn, "recycled", over.attempts, reason if rejected else None)
    lead.before = Before(lead.stage, lead.owner, lead.team, lead.rule, over)
    count = attempt_log.total(over.attempts)
    handoff.free(turn)
    lead.owner = lead.team = lead.rule = None
    lead.cycle = begun
    lead.resting = True
    turn.decide(Recycled(reason=reason, attempts=count, because=because))
    stages.enter(turn, "nurturing", (f"recycled: {reason}",))
    temperature.update(turn)


def _parted(turn: Turn, at: datetime) -> tuple[Cycle, Cycle]:
    """The present cycle up to `at`, and the one that starts there with what came later."""
    old, book = turn.lead.cycle, turn.book
    ended = turn.revise_limits(old.limits, recyclings=())
    if old.started_at is not None and at < old.started_at:
        # Given back before this cycle began: nothing is of the cycle that ends, all of the next.
        over = turn.revise(old, trails={}, attempts=Attempts(), horizon=None, limits=ended)
        return over, Cycle(old.started_at, old.trails, old.horizon, old.attempts)
    old_trails, new_trails = trails.split(old.trails, at, book.plans, book.half_life_s)
    old_attempts, new_attempts = attempt_log.split(old.attempts, at)
    kept = old.horizon if old.horizon and old.horizon.stated_at > at else None
    over = turn.revise(
        old,
        trails=old_trails,
        attempts=old_attempts,
        horizon=None if kept else old.horizon,
        limits=ended,
    )
    return over, Cycle(at, new_trails, kept, new_attempts)


def reopen(turn: Turn, by: str | None) -> None:
    """Back to the stage and owner before a win, a loss or a rejection."""
    lead, before = turn.lead, turn.lead.before
    if before is None or not (lead.stage in ENDED or lead.stage == "nurturing"):
        return
    was = lead.stage
    turn.reopened = True
    lead.before = before.earlier
    lead.resting = False
    if before.cycle is not None:
        lead.cycle = _rejoined(turn, before.cycle)
    lead.owner = lead.team = lead.rule = None
    who = f" by {by}" if by else ""
    stages.enter(turn, before.stage, (f"reopened{who}: {_MISTAKES[was]} was a mistake",))
    temperature.update(turn)
    stages.climb(turn)
    open_again = before.stage not in ENDED and before.stage != "nurturing"
    if open_again and before.owner is not None:
        handoff.give_back(turn, before, by)
    elif not open_again:
        lead.owner, lead.team, lead.rule = before.owner, before.team, before.rule


def _rejoined(turn: Turn, old: Cycle) -> Cycle:
    """The earlier cycle, with what has come since."""
    new, book = turn.lead.cycle, turn.book
    known = HORIZON_FIELD in turn.lead.profile
    return turn.revise(
        old,
        trails=trails.merged(old.trails, new.trails, book.plans, book.half_life_s),
        attempts=attempt_log.merged(old.attempts, new.attempts),
        horizon=(new.horizon or old.horizon) if known else None,
        limits=Limits(
            old.limits.breached | new.limits.breached, old.limits.used_up | new.limits.used_up
        ),
    )


def opened(turn: Turn, because: tuple[str, ...]) -> None:
    """`opportunity.opened`: from any stage before it, nurturing too."""
    lead = turn.lead
    if lead.stage in ENDED or rank(lead.stage) >= FUNNEL.index("opportunity"):
        return
    lead.resting = False
    stages.enter(turn, "opportunity", because)
