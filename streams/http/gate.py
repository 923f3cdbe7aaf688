"""Who may ask, checked before anything else is looked at; and what every answer carries.

A page on the web can make a browser call a service on the same machine under a
name of its own (DNS rebinding), so the Host is checked. No CORS headers are
ever sent, so no other site's page can read an answer or post an event.
"""

import hmac
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.http.body import Arriving, answer_failure
from streams.http.problems import SEALS, Failure
from streams.http.service import Access

OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What is answered without a token, for whoever watches over the service."""


class Gate:
    """Lets in who may ask, and gives all answers their security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._token = None if access.token is None else access.token.encode()
        self._hosts = None if access.hosts is None else frozenset(map(str.lower, access.hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SEALS.items():
                    headers.setdefault(name, value)
            await send(message)

        failure = self._failure(scope)
        if failure is None:
            await self._app(scope, receive, send_guarded)
        else:
            await answer_failure(failure, Arriving(receive), send_guarded)

    def _failure(self, scope: Scope) -> Failure | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if not self._knows(hosts):
            return Failure(
                HTTPStatus.MISDIRECTED_REQUEST,
                "wrong_host",
                "The request's Host is not a name of this service. Ask for it as localhost or by "
                "its address, or add the name to BATON_HOSTS.",
            )
        if self._token is None or scope["path"] in OPEN or self._bears_token(scope):
            return None
        return Failure(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "Send the service's token in a header: `Authorization: Bearer …`.",
            headers={"WWW-Authenticate": 'Bearer realm="baton"'},
        )

    def _knows(self, hosts: list[bytes]) -> bool:
        if self._hosts is None:
            return True
        if len(hosts) != 1:
            return False
        name = _without_port(hosts[0].decode("latin-1").lower())
        return name == "localhost" or name in self._hosts or _is_loopback(name)

    def _bears_token(self, scope: Scope) -> bool:
        assert self._token is not None
        borne = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = borne[0].partition(b" ") if len(borne) == 1 else (b"", b"", b"")
        # Compared in the same time wherever they differ, so that it can't be guessed bit by bit.
        return hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
