"""What clients report in a simulation: seeded events, of which some come late, again or in vain."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from rules.agreement import Agreement
from rules.events import Event
from streams.codec import decode, encode_event
from streams.storage import Accepted
from tests.model.strategies import DAY, HOUR, MINUTE, TOUCHES

_NO_TIME: Final = timedelta(0)
_LATE: Final = (*([_NO_TIME] * 6), -MINUTE, -HOUR, MINUTE, 30 * MINUTE, 2 * HOUR, DAY, 10 * DAY)
_UNTIL: Final = (None, MINUTE, HOUR, 5 * HOUR, 2 * DAY, -HOUR)
_AWAY: Final = (None, MINUTE, 5 * HOUR, DAY, -HOUR)
_PROFILE: Final[dict[str, tuple[Any, ...]]] = {
    "country": ("IT", "PL", "DE", None),
    "industry": ("manufacturing", "logistics", "retail"),
    "employees": (10, 50, 120),
    "email": ("x@acme.example", "y@gmail.com", "z@other.example"),
    "account": ("acme.example", "other.example", None),
    "job_title": ("ceo", "clerk"),
    "purchase_horizon_months": (0, 1, 2, 3, 3.5, 6, 8, 14, None),
    "source": ("ads", "fair"),
}
_OPENINGS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("lead.captured", {"country": "PL", "industry": "logistics", "employees": 80}),
    ("lead.captured", {"purchase_horizon_months": 1}),
    ("lead.updated", {"country": "IT"}),
    ("demo.requested", {}),
    ("ebook.downloaded", {}),
    ("webinar.attended", {"asset": "spring"}),
)
_NOBODY: Final = "nobody"
"""A person whom no agreement knows."""


class Activity:
    """Events about `leads` leads, by the people, reasons and clauses of all `agreements`."""

    def __init__(self, draw: Random, agreements: Sequence[Agreement], leads: int) -> None:
        self._draw = draw
        self._leads = [f"lead-{number}" for number in range(1, leads + 1)]
        self._people = sorted({name for each in agreements for name in each.people})
        rejections = [each.rejection for each in agreements if each.rejection is not None]
        self._reasons = sorted({name for each in rejections for name in each.reasons})
        self._clauses = sorted({each.name for one in agreements for each in one.clauses})
        self._sent: list[Accepted] = []
        self.late_dues: list[datetime] = []
        """Due times that have been missed: evidence from just before them is the most telling."""

    def next(self, true_at: datetime) -> Accepted:
        """What a client sends now: something new, or one time in twelve what was sent before."""
        draw = self._draw
        if self._sent and draw.random() < 1 / 12:
            return draw.choice(self._sent)
        subject, kind, data = self._happening(true_at)
        number = len(self._sent) + 1
        event = Event(f"e{number}", "/chaos", kind, subject, self._own_time(true_at), data, None)
        body = encode_event(event)
        decoded = decode(body)
        assert isinstance(decoded, Event), decoded
        accepted = Accepted(decoded, body)
        self._sent.append(accepted)
        return accepted

    def _own_time(self, true_at: datetime) -> datetime:
        draw = self._draw
        if self.late_dues and draw.random() < 0.15:
            return draw.choice(self.late_dues[-3:]) - draw.choice((_NO_TIME, timedelta(seconds=1)))
        return true_at - draw.choice(_LATE)

    def _happening(self, true_at: datetime) -> tuple[str, str, dict[str, Any]]:
        draw = self._draw
        if len(self._sent) < 2 * len(self._leads):
            kind, data = draw.choice(_OPENINGS)
            return draw.choice(self._leads), kind, data
        what = draw.random()
        if what < 0.08 and self._people:
            kind = draw.choice(("rep.away", "rep.away", "rep.back"))
            until = self._until(true_at, _AWAY) if kind == "rep.away" else {}
            return self._person(), kind, until
        subject = draw.choice(self._leads)
        if what < 0.3:
            return subject, draw.choice(("lead.captured", "lead.updated")), self._profile()
        if what < 0.55:
            asset = draw.choice((None, "/pricing", "/quote", "spring", "guide"))
            return subject, draw.choice(TOUCHES), {} if asset is None else {"asset": asset}
        return subject, *self._of_sales(true_at)

    def _of_sales(self, true_at: datetime) -> tuple[str, dict[str, Any]]:
        draw = self._draw
        kinds = ["attempt"] * 5 + ["rejected"] * 2 + ["paused", "reopened"] * 2
        kinds += ["qualified", "accepted", "resumed", "reassigned", "claimed", "acknowledged"]
        kinds += ["feedback", "opened", "won", "lost", "recorded"]
        match draw.choice(kinds):
            case "attempt":
                channel = draw.choice(("call", "email", "voicemail"))
                outcome = draw.choice(("no_answer", "left_message", "bounced", "connected"))
                data = {"channel": channel, "outcome": outcome, "by": self._person()}
                return "lead.attempted", data
            case "rejected":
                reason = draw.choice(self._reasons or ["no_budget"])
                return "lead.rejected", {"reason": reason, "by": self._person()}
            case "paused":
                return "lead.paused", self._until(true_at, _UNTIL)
            case "qualified":
                return "lead.qualified", self._profile()
            case "reassigned":
                return "lead.reassigned", {"to": self._person(), "by": self._person()}
            case "acknowledged":
                clause = draw.choice(self._clauses)
                return "sla.acknowledged", {"clause": clause, "by": self._person()}
            case "feedback":
                return "lead.feedback", {"rating": draw.randint(1, 5)}
            case "opened":
                return "opportunity.opened", {}
            case "won" | "lost" | "recorded" as how:
                return f"deal.{how}", {"value": 100}
            case plain:
                return f"lead.{plain}", {} if plain == "resumed" else {"by": self._person()}

    def _person(self) -> str:
        if not self._people or self._draw.random() < 0.03:
            return _NOBODY
        return self._draw.choice(self._people)

    def _profile(self) -> dict[str, Any]:
        draw = self._draw
        return {
            name: draw.choice(values) for name, values in _PROFILE.items() if draw.random() < 0.4
        }

    def _until(self, true_at: datetime, spans: Sequence[timedelta | None]) -> dict[str, Any]:
        span = self._draw.choice(spans)
        return {} if span is None else {"until": true_at + span}
