"""Clauses: judged once after everything else that an event caused, and when time is up."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rules.agreement import Agreement, AttemptClause, DeadlineClause, Ends
from rules.calendars import ALWAYS, Calendar
from rules.conditions import Facts
from rules.events import is_touch
from rules.vocabulary import ENDED, SALES
from tests.model.clocks import (
    Clock,
    Ladder,
    Recycling,
    Timed,
    Timer,
    Trigger,
    repeat_step,
    step_timers,
)
from tests.model.heat import facts_at
from tests.model.history import Heard, Lead

REMEMBERED_BREACHES = 8


@dataclass(slots=True)
class GivenBack:
    """A rejection that took effect, with what was known just before it."""

    recycles: bool
    facts: Facts
    owner: str | None
    team: str | None
    attempts: int
    connected: bool


@dataclass(slots=True)
class Turn:
    """What one event, or one instant, does to one lead."""

    lead: Lead
    now: datetime
    event: Heard | None
    cause: str | None
    first: int
    """How many decisions the lead had before."""
    had_by: str | None
    """Who had the lead before."""
    gone: bool = False
    """Won, lost, disqualified or recycled."""
    entered: bool = False
    """A stage was entered."""
    ended: bool = False
    """Won, lost, disqualified, recycled or reopened: its clocks end."""
    given_back: GivenBack | None = None
    reassigns: bool = False
    """A step that is told at once asks to reassign the lead."""


@dataclass(slots=True)
class Evidence:
    time_at: datetime
    no: int
    id: str
    type: str
    data: dict[str, Any]


Tell = Callable[[Turn, str, dict[str, Any]], None]


def evidence_since(lead: Lead, ends: Ends, trigger: Trigger) -> list[Evidence]:
    """Everything known that counts towards `ends`, by own time."""
    found = []
    for heard in lead.heard:
        event = heard.event
        wanted = event.type == ends.event if ends.event else is_touch(event.type)
        late_enough = event.time_at > trigger.evidence_from or (
            event.time_at == trigger.evidence_from
            and (not trigger.by_decision or heard.no > trigger.event_no)
        )
        if wanted and late_enough and heard.no != trigger.event_no:
            found.append(Evidence(event.time_at, heard.no, event.id, event.type, event.data))
    for told, no in zip(lead.told, lead.told_after, strict=True):
        after = told.time_at >= trigger.evidence_from and (
            not trigger.by_decision or told.sequence > trigger.sequence
        )
        if told.type == ends.event and after:
            found.append(Evidence(told.time_at, no, told.cause or "", told.type, told.data))
    holds = ends.where.holds if ends.where else lambda _: True
    return sorted(
        (each for each in found if holds(Facts(each.data))),
        key=lambda each: (each.time_at, each.no),
    )


def fulfilment(lead: Lead, ends: Ends, trigger: Trigger) -> Evidence | None:
    """The evidence that completed what `ends` asks for, if it's complete."""
    evidence = evidence_since(lead, ends, trigger)
    if ends.distinct is not None:
        first: dict[str, Evidence] = {}
        for each in evidence:
            value = each.type if ends.distinct == "type" else each.data.get(ends.distinct)
            if value is not None:
                first.setdefault(json.dumps(value, sort_keys=True), each)
        evidence = list(first.values())
    return evidence[ends.count - 1] if len(evidence) >= ends.count else None


class Promises:
    """The clauses of one agreement."""

    def __init__(self, agreement: Agreement, tell: Tell) -> None:
        self.agreement = agreement
        self.tell = tell
        self.deadlines = [c for c in agreement.clauses if isinstance(c, DeadlineClause)]

    def calendar(self, clause: DeadlineClause | AttemptClause, owner: str | None) -> Calendar:
        if isinstance(clause.calendar, Calendar):
            return clause.calendar
        person = self.agreement.people.get(owner) if owner else None
        return person.calendar if person and person.calendar else ALWAYS

    def judge(self, turn: Turn) -> None:
        """Evidence first, then endings, then starts; within each in the order of the file."""
        facts = facts_at(self.agreement, turn.lead, turn.now)
        if turn.ended:
            self.forget(turn)
        for deadline in self.deadlines:
            self.look_at_evidence(turn, deadline)
        for deadline in self.deadlines:
            self.end(turn, deadline, facts)
        for clause in self.agreement.clauses:
            if isinstance(clause, AttemptClause):
                self.count_attempts(turn, clause, facts)
            else:
                self.start(turn, clause, facts)

    def forget(self, turn: Turn) -> None:
        """What the lead's end puts an end to without a word."""
        turn.lead.armed.clear()
        turn.lead.ladders.clear()
        turn.lead.recyclings.clear()

    # Evidence

    def look_at_evidence(self, turn: Turn, clause: DeadlineClause) -> None:
        mine = [clock for clock in turn.lead.clocks if clock.clause is clause]
        forgotten = [clock for clock in mine if clock.breached][:-REMEMBERED_BREACHES]
        for clock in mine:
            if clock in forgotten and clock.state == "over":
                continue
            done = fulfilment(turn.lead, clause.ends, clock.trigger)
            if done is None or (clock.state == "over" and not clock.breached):
                continue
            self.fulfil(turn, clock, done)

    def fulfil(self, turn: Turn, clock: Clock, done: Evidence) -> None:
        until_at = turn.lead.pause.until_at
        due_at = clock.due(until_at)
        late_now = False
        if clock.breached:
            assert clock.due_at is not None
            in_time = done.time_at < clock.due_at
            if not in_time and (clock.archived or clock.met_late):
                return
            if in_time:
                data = {
                    "clause": clock.clause.name,
                    "evidence": turn.event.event.id if turn.event else done.id,
                }
                self.tell(turn, "sla.retracted", data)
                clock.breached = False
            else:
                clock.met_late = late_now = True
        elif due_at is not None and done.time_at >= due_at:
            return
        owner = turn.had_by if turn.gone else turn.lead.owner
        if clock.archived or (clock.met_late and not late_now):
            owner = clock.ended_with
        clock.ended_with = owner
        pauses = turn.lead.pause.all if clock.clause.party == SALES else []
        worked = clock.working(done.time_at, pauses)
        met: dict[str, Any] = {
            "clause": clock.clause.name,
            "owner": owner,
            "due": due_at,
            "met_at": done.time_at,
            "working_s": max(worked, timedelta(0)).total_seconds(),
        }
        self.tell(turn, "sla.met", met)
        clock.end()

    # Attempts

    def count_attempts(self, turn: Turn, clause: AttemptClause, facts: Facts) -> None:
        if turn.given_back is not None:
            self.judge_giving_up(turn, clause, turn.given_back)
        heard, lead = turn.event, turn.lead
        if heard is None or heard.event.type != "lead.attempted" or lead.stage in ENDED:
            return
        counted = lead.counted_attempts()
        if heard not in counted or not (clause.when is None or clause.when.holds(facts)):
            return
        if clause.at_most is not None:
            self.judge_limit(turn, clause, None, len(counted), clause.at_most)
        channel = heard.event.data.get("channel", "")
        if channel in clause.per_channel:
            tries = sum(each.event.data.get("channel") == channel for each in counted)
            self.judge_limit(turn, clause, channel, tries, clause.per_channel[channel])
        if clause.recycle_after is None or clause.at_most is None:
            return
        if len(counted) >= clause.at_most and clause.name not in lead.used_up:
            lead.used_up.add(clause.name)
            self.plan_recycling(turn, clause, counted[clause.at_most - 1])

    def judge_limit(
        self, turn: Turn, clause: AttemptClause, channel: str | None, tries: int, limit: int
    ) -> None:
        name = (clause.name, channel or "")
        if tries <= limit or name in turn.lead.limits:
            return
        turn.lead.limits.add(name)
        data = {"attempts": tries, "limit": limit, "channel": channel, "kind": "too_many_attempts"}
        self.breach_limit(turn, clause, data, turn.lead.owner, turn.lead.team)

    def judge_giving_up(self, turn: Turn, clause: AttemptClause, back: GivenBack) -> None:
        if clause.at_least is None or not back.recycles or back.connected:
            return
        if back.attempts >= clause.at_least:
            return
        if clause.when is not None and not clause.when.holds(back.facts):
            return
        data: dict[str, Any] = {"attempts": back.attempts, "limit": clause.at_least}
        data |= {"channel": None, "kind": "too_few_attempts"}
        self.breach_limit(turn, clause, data, back.owner, back.team)

    def breach_limit(
        self,
        turn: Turn,
        clause: AttemptClause,
        data: dict[str, Any],
        owner: str | None,
        team: str | None,
    ) -> None:
        named = {"clause": clause.name, "party": clause.party, "owner": owner, "team": team}
        self.tell(turn, "sla.breached", named | {"due": None} | data)
        calendar = self.calendar(clause, owner)
        timers = step_timers(clause.ladder, turn.now, calendar)
        ladder = Ladder(clause, calendar, turn.now, timers)
        turn.lead.ladders.append(ladder)
        at_once = [timer for timer in timers if timer.at == turn.now]
        ladder.timers = [timer for timer in timers if timer not in at_once]
        for timer in at_once:
            turn.reassigns |= self.escalate(turn, ladder, timer)
        self.freeze_if_paused(turn.lead, ladder)

    def escalate(self, turn: Turn, timed: Clock | Ladder, timer: Timer) -> bool:
        """Tell one step, which isn't among the timers any more; whether it asks to reassign."""
        ladder = timed.clause.ladder
        again = repeat_step(ladder, timer, timed.calendar)
        if again is not None:
            timed.timers.append(again)
        step = ladder[timer.index]
        data = {"clause": timed.clause.name, "step": timer.index + 1}
        self.tell(turn, "sla.escalated", data | {"tell": list(step.tell), "do": step.do})
        return step.do == "reassign"

    def plan_recycling(self, turn: Turn, clause: AttemptClause, last: Heard) -> None:
        assert clause.recycle_after is not None
        calendar = self.calendar(clause, turn.lead.owner)
        from_at = last.event.time_at
        due_at = max(calendar.add(from_at, clause.recycle_after), turn.now)
        timer = Timer("recycle", due_at, from_at, clause.recycle_after)
        recycling = Recycling(clause, calendar, from_at, [timer])
        turn.lead.recyclings.append(recycling)
        self.freeze_if_paused(turn.lead, recycling)

    # Endings and starts

    def end(self, turn: Turn, clause: DeadlineClause, facts: Facts) -> None:
        lead = turn.lead
        assigned = any(told.type == "lead.assigned" for told in lead.told[turn.first :])
        anew = assigned and clause.starts == "lead.assigned"
        if anew:
            lead.armed.pop(clause.name, None)
        for clock in lead.clocks:
            if clock.clause is not clause or clock.state == "over":
                continue
            lapsed = clause.when is not None and not clause.when.holds(facts)
            if clock.state == "running" and (turn.ended or anew or lapsed):
                self.tell(turn, "sla.cancelled", {"clause": clause.name})
                clock.end()
            elif clock.state == "overdue" and (turn.ended or anew):
                clock.archived, clock.ended_with = True, turn.had_by
                clock.end()

    def start(self, turn: Turn, clause: DeadlineClause, facts: Facts) -> None:
        lead = turn.lead
        live = any(c.clause is clause and c.state != "over" for c in lead.clocks)
        if live:
            return
        trigger = self.trigger(turn, clause)
        if trigger is not None:
            lead.armed[clause.name] = trigger
        armed = lead.armed.get(clause.name)
        if armed is None:
            return
        if self.is_done(turn, clause, armed):
            del lead.armed[clause.name]
        elif clause.when is None or clause.when.holds(facts):
            self.start_clock(turn, clause, armed)

    def is_done(self, turn: Turn, clause: DeadlineClause, armed: Trigger) -> bool:
        return fulfilment(turn.lead, clause.ends, armed) is not None

    def trigger(self, turn: Turn, clause: DeadlineClause) -> Trigger | None:
        if turn.event is not None and turn.event.event.type == clause.starts:
            if turn.event.moment < turn.lead.cycle and not turn.ended:
                return None
            return Trigger(turn.event.event.time_at, turn.event.no, False, turn.first)
        for told in turn.lead.told[turn.first :]:
            if told.type == clause.starts:
                return Trigger(told.time_at, turn.lead.newest_no, True, told.sequence)
        return None

    def start_clock(self, turn: Turn, clause: DeadlineClause, trigger: Trigger) -> None:
        lead = turn.lead
        calendar = self.calendar(clause, lead.owner)
        clock = Clock(clause, trigger, turn.now, calendar, lead.owner, turn.now)
        clock.schedule(turn.now)
        lead.clocks.append(clock)
        self.freeze_if_paused(lead, clock)
        data = {
            "clause": clause.name,
            "party": clause.party,
            "owner": lead.owner,
            "due": clock.due(lead.pause.until_at),
            "calendar": calendar.name,
        }
        self.tell(turn, "sla.started", data)

    # Pauses and acknowledgements

    def timed(self, lead: Lead) -> list[Timed]:
        clocks = [clock for clock in lead.clocks if clock.state != "over"]
        return [*clocks, *lead.ladders, *lead.recyclings]

    def freeze_if_paused(self, lead: Lead, timed: Timed, new: bool = True) -> None:
        if lead.pause.since_at is not None and timed.clause.party == SALES:
            timed.freeze(lead.pause.since_at, new)

    def hear_pause(self, lead: Lead, heard: Heard, now: datetime) -> None:
        """A pause counts from its own time, a resumption from now; the newest word wins."""
        until_at = heard.event.data.get("until")
        is_empty = until_at is not None and until_at <= heard.event.time_at
        if heard.moment < lead.pause.said or is_empty:
            return
        lead.pause.said = heard.moment
        was_paused = lead.pause.since_at is not None
        if heard.event.type == "lead.resumed":
            self.resume(lead, now)
            return
        if not was_paused:
            over_at = lead.pause.all[-1][1] if lead.pause.all else None
            lead.pause.since_at = max(heard.event.time_at, over_at or heard.event.time_at)
            lead.pause.all.append((lead.pause.since_at, None))
            for timed in self.timed(lead):
                self.freeze_if_paused(lead, timed, new=False)
        lead.pause.until_at = until_at
        if until_at is not None and until_at <= now:
            self.resume(lead, now if was_paused else until_at)

    def resume(self, lead: Lead, resumed_at: datetime) -> None:
        if lead.pause.since_at is None:
            return
        lead.pause.since_at, lead.pause.until_at = None, None
        began_at, _ = lead.pause.all[-1]
        lead.pause.all[-1] = (began_at, max(began_at, resumed_at))
        for timed in self.timed(lead):
            if timed.frozen:
                timed.thaw(resumed_at)

    def acknowledge(self, lead: Lead, clause_name: str) -> None:
        for clock in lead.clocks:
            if clock.clause.name == clause_name and clock.state == "overdue":
                clock.timers = []
        lead.ladders = [each for each in lead.ladders if each.clause.name != clause_name]
