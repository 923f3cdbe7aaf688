"""The funnel: conditions that are tried after every change, and stages that events enter.

Contract, section 2, 'Stages': each condition that holds is entered, one
decision each; those that do not hold are skipped; nothing falls back.
"""

from rules.decisions import StageChanged
from rules.lead.rulebook import rank
from rules.lead.turn import Turn
from rules.vocabulary import ENDED, Stage


def enter(turn: Turn, stage: Stage, because: tuple[str, ...]) -> None:
    """Move the lead to `stage`."""
    was = turn.lead.stage
    turn.lead.stage = stage
    turn.facts_changed = True
    turn.stage_reached = True
    turn.decide(StageChanged(stage=stage, was=was, because=because))


def climb(turn: Turn) -> None:
    """Enter, in the funnel's order, every stage above the present one whose condition holds."""
    lead = turn.lead
    if lead.resting or lead.stage in ENDED:
        return
    for stage, condition in turn.book.agreement.stages:
        if rank(stage) > rank(lead.stage) and condition.holds(turn.facts()):
            enter(turn, stage, condition.reasons(turn.facts()))
