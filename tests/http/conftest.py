"""A client on the application itself, and one on a real server on a loopback port."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
import uvicorn

from rules.agreement import Agreement
from streams.http.app import create_app
from streams.http.server import server_config
from streams.http.service import Access, Limits
from tests.http.stand_in import StandIn

Serve = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def service(acme: Agreement) -> StandIn:
    return StandIn(acme)


@pytest.fixture
def client(service: StandIn) -> Iterator["Client"]:
    made = Client(service)
    yield made
    made.close()


class Client:
    """Requests to the application without a server in between."""

    def __init__(
        self, service: StandIn, access: Access | None = None, limits: Limits | None = None
    ) -> None:
        self._app = create_app(service, access, limits)
        self._runner = asyncio.Runner()

    def __call__(
        self, method: str, url: str, *, base: str = "http://localhost:8080", **more: object
    ) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=base) as http:
                return await http.request(method, url, **more)  # type: ignore[arg-type]

        return self._runner.run(asked())

    def close(self) -> None:
        self._runner.close()


@pytest.fixture
def serve(service: StandIn) -> Serve:
    """Runs a real server for as long as the `with` lasts; gives its port."""

    @contextmanager
    def serving(limits: Limits | None = None, access: Access | None = None) -> Iterator[int]:
        limits = limits or Limits()
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
            config = server_config(create_app(service, access, limits), limits, stop_s=1)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
            thread.start()
            try:
                yield listening.getsockname()[1]
            finally:
                service.news.end()
                server.should_exit = True
                thread.join(10)
                assert not thread.is_alive()

    return serving
