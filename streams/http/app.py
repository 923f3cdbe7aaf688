"""The HTTP application as a whole: routes, what guards them, and what failures become."""

from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.http.activity import Intake
from streams.http.decisions import decisions_router
from streams.http.docs_page import docs_router
from streams.http.gate import Gate
from streams.http.health import health_router
from streams.http.leads import leads_router
from streams.http.openapi import describe, problems
from streams.http.problems import SEALS, Failure, RefusedParameter
from streams.http.reading import Reads
from streams.http.service import Access, Limits, Service
from streams.refusals import shown

DISTRIBUTION: Final = "baton-sla"


def create_app(
    service: Service, access: Access | None = None, limits: Limits | None = None
) -> FastAPI:
    """The application that serves `service`.

    Whoever listens beyond loopback must give `access` a token; without one,
    everybody is let in who asks under a loopback name.
    """
    access, limits = access or Access(), limits or Limits()
    app = FastAPI(
        title="baton",
        version=version(DISTRIBUTION),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        exception_handlers={
            Failure: _failed,
            HTTPException: _not_routed,
            RequestValidationError: _not_valid,
            Exception: _went_wrong,
        },
    )
    reads = Reads()
    # First, because it is asked most; bare, because validation by the framework would cost more
    # than everything else that is done with an event.
    app.router.routes.insert(0, Route("/events", Intake(service, limits), methods=["POST"]))
    app.include_router(decisions_router(service, limits, reads), responses=problems(*_READING))
    app.include_router(leads_router(service, reads), responses=problems(404, *_READING))
    app.include_router(health_router(service), responses=problems(401, 421, 503))
    app.include_router(docs_router())
    app.add_middleware(Gate, access=access)

    @cache
    def described() -> dict[str, Any]:
        return describe(app, limits)

    app.openapi = described  # type: ignore[method-assign]
    return app


_READING: Final = (401, 421, 422, 503)


async def _failed(_: Request, failure: Exception) -> Response:
    assert isinstance(failure, Failure)
    return failure.response()


async def _not_routed(request: Request, error: Exception) -> Response:
    """What the framework found: no such path, or no such method there."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("Allow", "another method")
        detail = f"{request.method} can't be done here; {allowed} can."
        return Failure(405, "method_not_allowed", detail, headers=headers).response()
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "No such path; `/docs` shows what there is."
        return Failure(404, "not_found", detail, headers=headers).response()
    return Failure(
        error.status_code, "unreadable_request", str(error.detail), headers=headers
    ).response()


async def _not_valid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    refused = []
    for fault in error.errors():
        name = str(fault["loc"][-1])
        said = str(fault["msg"])
        sentence = f"{name} is {shown(fault.get('input'))}: {said[:1].lower()}{said[1:]}."
        refused.append(RefusedParameter(name, sentence))
    return Failure(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_parameter",
        refused[0].sentence,
        parameters=refused,
    ).response()


async def _went_wrong(_: Request, __: Exception) -> Response:
    """A mistake of ours. The server logs it with its traceback; the client learns only that."""
    return Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "The service made a mistake, which its log tells of. Nothing is known to be stored; "
        "sending the request again is harmless.",
        # The framework calls this around all middleware, the gate too.
        headers=SEALS,
    ).response()
