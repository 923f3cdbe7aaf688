"""`GET /leads/{id}` and `GET /leads`: leads as they stand (contract, section 5)."""

import base64
import binascii
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from rules.lead.attempts import total
from rules.lead.state import Lead
from rules.vocabulary import Stage, Temperature, TemperatureSource
from rules.wording import printable
from streams.http.problems import Failure, RefusedParameter
from streams.http.reading import Reads
from streams.http.service import LeadFilter, Service

MOST_LEADS: Final = 200


class ClauseView(BaseModel):
    """A promise about the lead that is not over."""

    clause: str
    state: Literal["armed", "running", "overdue"] = Field(
        description="armed: its start came, its condition does not hold yet"
    )
    owner: str | None
    started: datetime | None
    due: datetime | None = Field(description="null while armed, or paused without an end")


class AttemptsView(BaseModel):
    """How often sales tried to reach the lead in its present cycle."""

    total: int
    connected: datetime | None


class LeadView(BaseModel):
    """A lead as it stood when it was last decided about."""

    id: str
    stage: Stage
    temperature: Temperature | None
    temperature_by: TemperatureSource | None
    points: int
    icp: bool
    owner: str | None
    team: str | None
    queued: bool
    paused: bool
    profile: dict[str, Any]
    attempts: AttemptsView
    clauses: list[ClauseView]
    sequence: int = Field(description="of its last decision")
    wakes: datetime | None = Field(description="when something changes though nothing happens")


class LeadsPage(BaseModel):
    """Leads in an order that stays. `next` goes into `after` for the next page, null at the end."""

    leads: list[LeadView]
    next: str | None


def lead_view(lead: Lead) -> LeadView:
    """What is told of a lead."""
    return LeadView(
        id=lead.id,
        stage=lead.stage,
        temperature=lead.temperature,
        temperature_by=lead.temperature_by,
        points=lead.points,
        icp=lead.icp,
        owner=lead.owner,
        team=lead.team,
        queued=lead.queued,
        paused=lead.paused,
        profile=lead.profile,
        attempts=AttemptsView(
            total=total(lead.cycle.attempts), connected=lead.cycle.attempts.connected_at
        ),
        clauses=[
            ClauseView(
                clause=clock.clause,
                state=clock.state,
                owner=clock.owner,
                started=clock.started_at,
                due=clock.due_at,
            )
            for clock in lead.clocks.values()
            if clock.state != "over"
        ],
        sequence=lead.sequence,
        wakes=lead.wake_at,
    )


def leads_router(service: Service, reads: Reads) -> APIRouter:
    """The routes of leads."""
    router = APIRouter(tags=["leads"])

    @router.get("/leads/{lead_id:path}", operation_id="get_lead", summary="One lead")
    async def one(
        lead_id: Annotated[str, Path(description="The events' `subject`, %-encoded.")],
    ) -> LeadView:
        lead = await reads(service.reader.lead, lead_id)
        if lead is None:
            raise Failure(
                HTTPStatus.NOT_FOUND,
                "not_found",
                f"No event about lead '{printable(lead_id, 60)}' has been decided.",
            )
        return lead_view(lead)

    @router.get("/leads", operation_id="list_leads", summary="Leads, page by page")
    async def page(
        stage: Annotated[Stage | None, Query()] = None,
        temperature: Annotated[Temperature | None, Query()] = None,
        owner: Annotated[str | None, Query(description="A person's name in the agreement.")] = None,
        after: Annotated[
            str | None,
            Query(description="`next` of the page before.", pattern="^[A-Za-z0-9_-]+$"),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LEADS)] = 50,
    ) -> LeadsPage:
        last = None if after is None else _read_cursor(after)
        wanted = LeadFilter(stage, temperature, owner)
        # One more than asked for tells whether there is another page.
        leads = await reads(service.reader.leads, wanted, last, limit + 1)
        shown = leads[:limit]
        more = len(leads) > limit
        return LeadsPage(
            leads=[lead_view(lead) for lead in shown],
            next=_cursor(shown[-1].id) if more else None,
        )

    return router


def _cursor(lead_id: str) -> str:
    return base64.urlsafe_b64encode(lead_id.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        sentence = "after is no place in the list; write `next` of the page before."
        raise Failure(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_parameter",
            sentence,
            parameters=[RefusedParameter("after", sentence)],
        ) from None
