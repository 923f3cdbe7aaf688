"""What one event, or time alone, does to one lead: everything but clocks."""

from datetime import datetime
from typing import Any

from rules.agreement import Agreement
from rules.vocabulary import ENDED, FUNNEL, Stage
from tests.model.heat import facts_at, opinion
from tests.model.history import Before, Heard, Lead, Moment
from tests.model.office import Choice, Office, Waiting
from tests.model.promises import GivenBack, Promises, Turn
from tests.model.told import Told


class Turns:
    """Leads, the people they go to, and what is decided about them."""

    def __init__(self, agreement: Agreement) -> None:
        self.agreement = agreement
        self.leads: dict[str, Lead] = {}
        self.office = Office(agreement, self.leads)
        self.promises = Promises(agreement, self.tell)
        self.out: list[Told] = []

    # One event

    def hear(self, lead: Lead, heard: Heard, now: datetime) -> None:
        """Profile, touch, attempt; temperature; stages; endings; routing; clauses."""
        event = heard.event
        before = opinion(self.agreement, lead, now)
        assert before[0] == lead.temperature, "what time changed was told at its instant"
        lead.heard.append(heard)
        if heard.moment > lead.cycle:
            lead.asleep = False
        lead.last_at = now
        turn = self.turn(lead, now, heard, event.id)
        if event.type in ("lead.paused", "lead.resumed"):
            self.promises.hear_pause(lead, heard, now)
        if event.type == "sla.acknowledged":
            self.promises.acknowledge(lead, event.data["clause"])
        self.settle_temperature(turn)
        self.try_stages(turn)
        given_back = self.change_by_event(turn, heard)
        self.route(turn, given_back)
        self.promises.judge(turn)
        if turn.reassigns:
            turn = self.turn(lead, now, None, event.id)
            self.reassign(turn)
            self.promises.judge(turn)

    def turn(self, lead: Lead, now: datetime, event: Heard | None, cause: str | None) -> Turn:
        return Turn(lead, now, event, cause, len(lead.told), lead.owner)

    def tell(self, turn: Turn, kind: str, data: dict[str, Any]) -> None:
        lead = turn.lead
        told = Told(lead.id, len(lead.told) + 1, turn.now, turn.cause, kind, data)
        lead.told.append(told)
        lead.told_after.append(lead.newest_no)
        self.out.append(told)

    # Temperature and stages

    def settle_temperature(self, turn: Turn) -> None:
        lead = turn.lead
        temperature, by = opinion(self.agreement, lead, turn.now)
        if temperature != lead.temperature:
            data = {"temperature": temperature, "was": lead.temperature, "by": by}
            lead.temperature = temperature
            self.tell(turn, "lead.temperature_changed", data)

    def try_stages(self, turn: Turn) -> None:
        lead = turn.lead
        if lead.stage in ENDED or lead.asleep:
            return
        for stage, condition in self.agreement.stages:
            present = FUNNEL.index(lead.stage) if lead.stage in FUNNEL else 0
            if FUNNEL.index(stage) <= present:
                continue
            if condition.holds(facts_at(self.agreement, lead, turn.now)):
                self.enter(turn, stage)

    def enter(self, turn: Turn, stage: Stage) -> None:
        self.tell(turn, "lead.stage_changed", {"stage": stage, "was": turn.lead.stage})
        turn.lead.stage = stage
        turn.entered = True

    def change_by_event(self, turn: Turn, heard: Heard) -> str | None:
        """What rejections, wins, losses and openings do; who gets a reopened lead back."""
        lead, event = turn.lead, heard.event
        ended = lead.stage in ENDED
        if event.type == "opportunity.opened" and not ended and lead.stage != "opportunity":
            self.enter(turn, "opportunity")
        elif event.type == "deal.won" and lead.stage != "customer":
            self.finish(turn, "customer")
        elif event.type == "deal.lost" and not ended:
            self.finish(turn, "lost")
        elif event.type == "lead.rejected" and not ended and lead.stage != "nurturing":
            self.reject(turn, heard)
        elif event.type == "lead.reopened" and lead.before and (ended or lead.stage == "nurturing"):
            return self.reopen(turn)
        return None

    def finish(self, turn: Turn, stage: Stage) -> None:
        self.remember(turn.lead, recycled=False)
        self.enter(turn, stage)
        turn.entered = False
        turn.ended = turn.gone = True

    def reject(self, turn: Turn, heard: Heard) -> None:
        lead, reason = turn.lead, heard.event.data["reason"]
        rejection = self.agreement.rejection
        if rejection is not None and reason in rejection.disqualify:
            self.finish(turn, "disqualified")
            return
        tries = [each for each in lead.attempts() if each.moment < heard.moment]
        turn.given_back = GivenBack(
            recycles=True,
            facts=facts_at(self.agreement, lead, turn.now),
            owner=lead.owner,
            team=lead.team,
            attempts=len(tries),
            connected=any(each.event.data.get("outcome") == "connected" for each in tries),
        )
        self.recycle(turn, reason, len(tries), max(lead.cycle, heard.moment))

    def recycle_used_up(self, turn: Turn) -> bool:
        """Whether it came to that."""
        lead = turn.lead
        if lead.connected() or lead.stage not in FUNNEL[: FUNNEL.index("opportunity")]:
            return False
        self.recycle(turn, "attempts_used_up", len(lead.attempts()), (turn.now, lead.newest_no))
        self.promises.judge(turn)
        return True

    def recycle(self, turn: Turn, reason: str, attempts: int, cycle: Moment) -> None:
        lead = turn.lead
        self.remember(lead, recycled=True)
        self.tell(turn, "lead.recycled", {"reason": reason, "attempts": attempts})
        self.enter(turn, "nurturing")
        turn.entered, turn.ended, turn.gone = False, True, True
        lead.owner, lead.team, lead.rule = None, None, None
        lead.had, lead.limits, lead.used_up = set(), set(), set()
        lead.cycle, lead.asleep = cycle, True
        self.settle_temperature(turn)

    def remember(self, lead: Lead, recycled: bool) -> None:
        """What reopening goes back to; a queued lead leaves the queue."""
        self.office.leave_queue(lead)
        lead.before.append(
            Before(
                lead.stage, lead.owner, lead.team, lead.rule, recycled,
                lead.cycle, lead.had, lead.limits, lead.used_up,
            )
        )  # fmt: skip

    def reopen(self, turn: Turn) -> str | None:
        """Back to the stage and owner before; says who gets the lead back."""
        lead = turn.lead
        before = lead.before.pop()
        lead.asleep = False
        turn.ended = True
        self.enter(turn, before.stage)
        if before.recycled:
            lead.cycle, lead.had = before.cycle, before.had
            lead.limits |= before.limits
            lead.used_up |= before.used_up
            lead.owner = None
        as_it_was = before.owner is not None or before.stage in (*ENDED, "nurturing")
        lead.team, lead.rule = (before.team, before.rule) if as_it_was else (None, None)
        self.settle_temperature(turn)
        self.try_stages(turn)
        return before.owner if lead.stage not in ENDED else None

    # Routing

    def route(self, turn: Turn, given_back: str | None = None) -> None:
        lead = turn.lead
        event = turn.event.event if turn.event is not None else None
        if given_back is not None:
            self.assign(turn, Choice(given_back, lead.team, []), lead.rule)
        elif event is not None and event.type == "lead.reassigned":
            movable = lead.stage not in ENDED and lead.stage != "nurturing"
            if movable and event.data["to"] != lead.owner:
                self.assign_by_hand(turn, event.data["to"])
        elif event is not None and event.type == "lead.claimed":
            free = self.office.is_queued(lead) or self.office.within_handoff(lead)
            if lead.owner is None and free:
                self.assign_by_hand(turn, event.data.get("to") or event.data["by"])
        unassigned = lead.owner is None and not self.office.is_queued(lead)
        if turn.entered and unassigned and self.office.within_handoff(lead):
            self.hand_off(turn)

    def assign_by_hand(self, turn: Turn, rep: str) -> None:
        waiting = [each.team for each in self.office.queue if each.lead_id == turn.lead.id]
        team = self.office.team_of(rep, waiting[0] if waiting else turn.lead.team)
        self.assign(turn, Choice(rep, team, []), None, was=turn.lead.owner)

    def hand_off(self, turn: Turn) -> None:
        routing = self.agreement.routing
        assert routing is not None
        facts = facts_at(self.agreement, turn.lead, turn.now)
        for rule in routing.rules:
            if rule.when is None or rule.when.holds(facts):
                break
        else:
            return
        choice = self.office.choose(turn.lead, rule.team, turn.now)
        if choice.rep is not None:
            self.assign(turn, choice, rule.name)
            return
        self.office.queue.append(Waiting(turn.lead.id, rule.team, rule.name))
        turn.lead.team, turn.lead.rule = rule.team, rule.name
        self.tell(turn, "lead.queued", {"team": rule.team, "rule": rule.name})

    def assign(self, turn: Turn, choice: Choice, rule: str | None, was: str | None = None) -> None:
        lead = turn.lead
        assert choice.rep is not None
        data = {"rep": choice.rep, "team": choice.team, "rule": rule, "was": was}
        self.tell(turn, "lead.assigned", data | {"passed_over": sorted(choice.passed_over)})
        lead.owner, lead.team, lead.rule = choice.rep, choice.team, rule
        lead.had = lead.had | {choice.rep}
        self.office.leave_queue(lead)
        self.office.assigned.append((choice.rep, lead.profile().get("account")))

    def reassign(self, turn: Turn) -> None:
        """To another of the lead's team; with nobody else it stays (choice 20)."""
        lead, routing = turn.lead, self.agreement.routing
        if routing is None or lead.owner is None or lead.team is None:
            return
        if lead.stage in ENDED or lead.stage == "nurturing":
            return
        team = routing.teams[lead.team]
        choice = self.office.choose_in_team(team, turn.now, lead.had | {lead.owner})
        if choice.rep is not None:
            self.assign(turn, choice, lead.rule, was=lead.owner)
