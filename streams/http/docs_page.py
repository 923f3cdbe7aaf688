"""`/docs`: the interface to read and to try, from files of this service alone.

Swagger UI comes with the package `fastapi-offline`. The page may load nothing
from anywhere else, and its policy makes the browser see to that.
"""

from http import HTTPStatus
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from streams.http.problems import Failure

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>baton</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# Without `validatorUrl: null` the page would ask a validator on another host for a badge.
_START: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
});
"""
_FILES: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_UNCHANGED: Final = {"cache-control": "private, max-age=3600"}


def docs_router() -> APIRouter:
    """The page and its files."""
    router = APIRouter(include_in_schema=False)
    folder = files("fastapi_offline") / "static"

    @router.get("/docs")
    async def page() -> Response:
        return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY})

    @router.get("/docs/{name}")
    async def file(name: str) -> Response:
        if name == "start.js":
            return Response(_START, media_type="text/javascript")
        kind = _FILES.get(name)
        if kind is None:
            raise Failure(HTTPStatus.NOT_FOUND, "not_found", "The page has no such file.")
        return FileResponse(str(folder / name), media_type=kind, headers=_UNCHANGED)

    return router
