"""`/healthz`: the process lives. `/readyz`: it takes events, and has caught up since its start."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from streams.http.problems import Failure
from streams.http.service import Service


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The service takes events."""

    status: Literal["ready"] = "ready"
    behind: int
    """Events that are stored and not decided yet."""


class Index(BaseModel):
    """What there is."""

    agreement: str
    version: int | str
    docs: str = "/docs"
    events: str = "/events"
    leads: str = "/leads"
    decisions: str = "/decisions"


def health_router(service: Service) -> APIRouter:
    """The routes for whoever watches over the service, and the index."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", operation_id="alive", summary="Whether the process lives")
    async def alive() -> Alive:
        return Alive()

    @router.get("/readyz", operation_id="ready", summary="Whether the service takes events")
    async def ready() -> Ready:
        health = service.health()
        if health.ready:
            return Ready(behind=health.behind)
        if health.failure is not None:
            detail = f"The storage failed: {health.failure}"
        else:
            detail = (
                f"The service is starting or stopping; {health.behind} stored events are still to "
                "be decided."
            )
        raise Failure(
            HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, headers={"Retry-After": "1"}
        )

    @router.get("/", operation_id="index", summary="What there is")
    async def index() -> Index:
        agreement = service.agreement
        return Index(agreement=agreement.name, version=agreement.version)

    return router
