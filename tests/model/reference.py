"""The reference: the public contract, sections 1 to 3, read plainly and slowly.

It keeps every event of every lead and works everything out anew each time it is
asked: its worth is that it is obviously what the contract says. It shares with
the engine the compiled agreement, the calendars and the conditions, nothing else.

Choices made where the contract and docs/fine-points.md are silent, so that a
difference can be judged:

 1. Equal own times: the order of arrival decides, everywhere. Evidence of the start
    event's own time counts. A cycle never starts before the one it ends.
 2. Time's work at one instant: leads by id, each wholly, with the queue drained
    after each; then what time changes for people (openings, ends of absence). A
    lead that an assignment reaches first has its own due work done.
 3. A step at 0m of an attempt breach is told right after it, with its cause; all else
    that is due at once (recycling, a warning) is told without one. A warning that would
    fall on the clock's start isn't told.
 4. `sla.escalated` comes before the `lead.assigned` of its `do: reassign`, and both after
    all else of that instant. Of several that ask at one instant, the first of the file
    reassigns; the others are told in their place. Nothing of it is told of a lead that is
    recycled at that instant.
 5. Attempt limits are judged with the starts, in the order of the file; the total before
    the channel. An ended lead's attempts are not judged.
 6. `at_least` reads `when`, owner, team and attempts as just before the rejection;
    attempts with an own time after the rejection's are not of that cycle.
 7. `recycle_after` is fixed when the count is first reached; it is dropped when the
    lead ends or is recycled, and does nothing to a lead in nurturing.
 8. Without a `rejection` chapter a rejection recycles whatever its reason.
 9. `owner` of a warning or breach is who has the lead, of `sla.met` who had it when the
    clock ended, also after a retraction.
10. A queued lead has the queue's team. After recycling it has no owner, team or rule;
    after an ending it keeps them, and goes back to them if that end turns out to stand.
11. `opportunity.opened` is done with wins and losses, after the conditions.
12. Reopening undoes the latest ending that was not yet undone, one at a time; touches
    made meanwhile, and late ones of the cycle given back, count; the conditions are tried
    again; the lead is assigned with its earlier team and rule; without an owner it is
    routed if it's beyond the handoff.
13. A clause never starts whose end is known to have happened since its start, whether it
    starts late by `when` or by a late report. Decisions that the starting event itself
    caused are evidence, the event is not.
14. A start that comes while the clause waits for its `when` takes the earlier one's place.
15. An overdue clause met late can still be retracted by earlier evidence, and is met anew.
16. A breach or warning that a pause reported late would have prevented stands; its working
    time is left out nevertheless. A pause brings nothing forward. A pause
    whose `until` isn't after its own time changes nothing; one that ends a longer pause
    earlier than now lets the clocks go on now.
17. A pause lasts over reassignment, endings, recycling and reopening.
18. The account's rep is tried first for queued leads too, and is passed over if not eligible.
    Chosen for the account, nobody is passed over.
19. A rep of weight 0 is passed over by a round robin.
20. `do: reassign` of a lead without owner or team does nothing; its `rule` stays the lead's.
21. What one event frees in the queue has that event as its cause.
22. The evidence of a retraction is the event that completed the count.
23. Values of `distinct` that are absent don't count.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from rules.agreement import Agreement
from rules.events import CAMPAIGN_EVENTS, REP_EVENTS, Event
from tests.model.clocks import Clock, Ladder, Timed, Timer
from tests.model.heat import changes_after
from tests.model.history import Heard, Lead
from tests.model.promises import Turn
from tests.model.told import Told
from tests.model.turns import Turns

REMEMBERED = timedelta(days=35)
TIMER_ORDER = ("warn", "due", "step")


class Reference(Turns):
    """The agreement applied to events on a virtual clock."""

    def __init__(self, agreement: Agreement) -> None:
        super().__init__(agreement)
        self.seen: dict[tuple[str, str, str], datetime] = {}
        self.taken = 0
        self.clock_at: datetime | None = None
        self.wakes: dict[str, datetime | None] = {}

    # The two ways in

    def take(self, event: Event, now: datetime) -> list[Told]:
        """Fire what falls due up to and including `now`, then hear `event`."""
        if self.clock_at is not None:
            now = max(now, self.clock_at)
        told = self.run_until(now)
        key = (event.subject, event.source, event.id)
        if key in self.seen and now - self.seen[key] <= REMEMBERED:
            return told
        self.seen[key] = now
        self.taken += 1
        event = msgspec.structs.replace(event, time_at=min(event.time_at, now))
        if event.type in REP_EVENTS:
            self.office.hear_rep(event, self.taken, now)
        elif event.type not in CAMPAIGN_EVENTS:
            lead = self.leads.setdefault(event.subject, Lead(event.subject))
            self.hear(lead, Heard(self.taken, event, now), now)
            self.wakes.pop(lead.id, None)
        self.drain(now, event.id)
        self.fire_up_to(now)
        told += self.out
        self.out = []
        return told

    def run_until(self, at: datetime) -> list[Told]:
        """Fire what falls due up to and including `at`."""
        self.fire_up_to(at)
        self.clock_at = at
        told, self.out = self.out, []
        return told

    def fire_up_to(self, at: datetime) -> None:
        """Instant by instant; leads first, by id, then the queue (choice 2)."""
        while True:
            due = [(wake, lead.id) for lead in self.leads.values() if (wake := self.wake(lead))]
            lead_at, lead_id = min(due, default=(None, ""))
            office_at = self.office.next_change(self.clock_at) if self.clock_at else None
            if lead_at is not None and lead_at <= at and (not office_at or lead_at <= office_at):
                self.clock_at = max(lead_at, self.clock_at or lead_at)
                self.fire(self.leads[lead_id], self.clock_at)
                self.drain(self.clock_at, None)
            elif office_at is not None and office_at <= at:
                self.clock_at = office_at
                self.drain(office_at, None)
            else:
                return

    # One lead in time

    def wake(self, lead: Lead) -> datetime | None:
        """The next instant at which time alone does something to the lead."""
        if lead.id not in self.wakes:
            timed = self.promises.timed(lead)
            instants = [timer.at for each in timed for timer in each.timers if timer.at]
            if lead.pause.until_at is not None:
                instants.append(lead.pause.until_at)
            instants += changes_after(self.agreement, lead, lead.last_at)
            self.wakes[lead.id] = min(instants, default=None)
        return self.wakes[lead.id]

    def fire(self, lead: Lead, at: datetime) -> None:
        """Deadlines, warnings and ladders; a pause's end; temperature and stages; recycling."""
        reassigning: list[tuple[Timed, Timer]] = []
        while (due := self.next_timer(lead, at)) is not None:
            timed, timer = due
            timed.timers.remove(timer)
            asks = timer.kind == "step" and timed.clause.ladder[timer.index].do == "reassign"
            if asks and not reassigning:
                reassigning.append(due)
            elif asks and isinstance(timed, Clock | Ladder):
                self.promises.escalate(self.turn(lead, at, None, None), timed, timer)
            else:
                self.fire_timer(self.turn(lead, at, None, None), timed, timer)
        if lead.pause.until_at is not None and lead.pause.until_at <= at:
            self.promises.resume(lead, lead.pause.until_at)
        lead.last_at = at
        turn = self.turn(lead, at, None, None)
        self.settle_temperature(turn)
        self.try_stages(turn)
        self.route(turn)
        self.promises.judge(turn)
        if self.recycles(lead, at):
            return
        for timed, timer in reassigning:
            self.fire_timer(self.turn(lead, at, None, None), timed, timer)
        self.wakes.pop(lead.id, None)

    def recycles(self, lead: Lead, at: datetime) -> bool:
        """Recycle the lead if that is due; its ladders end with it, untold (choice 4)."""
        due = [each for each in lead.recyclings if (due_at := each.timers[0].at) and due_at <= at]
        lead.recyclings = [each for each in lead.recyclings if each not in due]
        if not due:
            return False
        self.wakes.pop(lead.id, None)
        return self.recycle_used_up(self.turn(lead, at, None, None))

    def next_timer(self, lead: Lead, at: datetime) -> tuple[Timed, Timer] | None:
        """Of what is due: by clause in the order of the file, then warning, due time, ladder."""
        due = [
            (each, timer)
            for each in self.promises.timed(lead)
            for timer in each.timers
            if timer.at is not None and timer.at <= at and timer.kind != "recycle"
        ]
        order = [clause.name for clause in self.agreement.clauses]

        def rank(found: tuple[Timed, Timer]) -> tuple[int, int, float, int]:
            timed, timer = found
            kind = TIMER_ORDER.index(timer.kind)
            return (order.index(timed.clause.name), kind, timer.fraction, timer.index)

        return min(due, key=rank, default=None)

    def fire_timer(self, turn: Turn, timed: Timed, timer: Timer) -> None:
        lead = turn.lead
        if isinstance(timed, Clock) and timer.kind == "warn":
            data: dict[str, Any] = {"clause": timed.clause.name, "owner": lead.owner or timed.owner}
            data |= {"due": timed.due(lead.pause.until_at), "at": timer.fraction}
            self.tell(turn, "sla.warned", data)
        elif isinstance(timed, Clock) and timer.kind == "due":
            timed.breach(turn.now)
            self.tell_late(turn, timed)
            self.promises.look_at_evidence(turn, timed.clause)
        elif isinstance(timed, Clock | Ladder) and self.promises.escalate(turn, timed, timer):
            self.reassign(turn)
            self.promises.judge(turn)

    def tell_late(self, turn: Turn, clock: Clock) -> None:
        lead = turn.lead
        data = {
            "clause": clock.clause.name,
            "party": clock.clause.party,
            "owner": lead.owner or clock.owner,
            "team": lead.team,
            "due": clock.due_at,
            "kind": "late",
            "attempts": len(lead.attempts()),
            "limit": None,
            "channel": None,
        }
        self.tell(turn, "sla.breached", data)

    # The queue

    def drain(self, now: datetime, cause: str | None) -> None:
        """Give queued leads to whoever can take them, oldest first."""
        while self.drain_one(now, cause):
            pass

    def drain_one(self, now: datetime, cause: str | None) -> bool:
        for waiting in list(self.office.queue):
            lead = self.leads[waiting.lead_id]
            wake = self.wake(lead)
            if wake is not None and wake <= now:
                self.fire(lead, now)
                return True
            choice = self.office.choose(lead, waiting.team, now)
            if choice.rep is not None:
                turn = self.turn(lead, now, None, cause)
                self.assign(turn, choice, waiting.rule)
                self.promises.judge(turn)
                self.wakes.pop(lead.id, None)
                return True
        return False


def replayed(agreement: Agreement, events: Iterable[Event], until_at: datetime) -> list[Told]:
    """Everything decided about `events`, each taken at its `received_at`."""
    reference = Reference(agreement)
    told = []
    for event in events:
        told += reference.take(event, event.received_at or event.time_at)
    return told + reference.run_until(until_at)
