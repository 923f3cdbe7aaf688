"""Another agreement takes over a lead: at its next event or wake-up, not before.

What the new agreement knows nothing of is dropped in silence: nobody promised
it any more. Running clocks of clauses that it still has keep their deadlines.
Temperature and stages are looked at anew.
"""

from rules.lead.turn import Turn


def adopt(turn: Turn) -> None:
    """Make the lead's state one of the turn's rulebook, if another one made it."""
    lead, book = turn.lead, turn.book
    if lead.agreement == book.key:
        return
    lead.agreement = book.key
    names = {clause.name for clause in book.clauses}
    lead.clocks = {name: clock for name, clock in lead.clocks.items() if name in names}
    lead.past = tuple(clock for clock in lead.past if clock.clause in names)
    lead.seen = {name: found for name, found in lead.seen.items() if name in names}
    lead.alarms = tuple(alarm for alarm in lead.alarms if alarm.clause in names)
    limits = lead.cycle.limits
    kept = tuple(each for each in limits.recyclings if each.clause in names)
    lead.cycle = turn.revise(lead.cycle, limits=turn.revise_limits(limits, recyclings=kept))
    icp = book.agreement.icp
    lead.icp = icp is not None and icp.holds(turn.facts())
    turn.facts_changed = True
    turn.heat_changed = True
