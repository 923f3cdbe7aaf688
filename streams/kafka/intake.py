"""`baton intake`: the HTTP interface in front of Kafka, in one event loop.

The order of a start: take the address; answer requests, with 503 until Kafka is
reached and an agreement is known. The order of a stop: take no new connections and
finish the requests that are there; deliver what is still on its way to Kafka; end.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from streams.clock import steady_s
from streams.http.app import create_app
from streams.http.server import GracefulServer, server_config
from streams.http.service import Limits
from streams.kafka.connection import Connection
from streams.kafka.producing import Producing
from streams.kafka.service import IntakeService, ServiceStore, ended
from streams.listening import Stopping, bind
from streams.logs import log
from streams.refusal_counts import RefusalCounts
from streams.running import access
from streams.settings import Listen, Settings

_POLL_S: Final = 0.01
_FOR_CLIENTS: Final = 0.6
"""The share of the time for stopping that clients have to take their answers."""
_DROPPED_S: Final = 1.0
_LEAST_S: Final = 0.1


def run_intake(
    settings: Settings, connection: Connection, store: ServiceStore, ready: Callable[[str], object]
) -> None:
    """Answer requests until told to stop; `ready` is called with the address once it does.

    Raises `ListenError` when it can't start. In the main thread only.
    """
    stopping = Stopping()
    with stopping.heard(), contextlib.closing(bind(settings.listen)) as sock:
        # uvloop, where there is one, as for the embedded service.
        loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(settings, connection, store, ready, stopping, sock))


async def _serve(
    settings: Settings, connection: Connection, store: ServiceStore,
    ready: Callable[[str], object], stopping: Stopping, sock: socket.socket,
) -> None:  # fmt: skip
    clients_s = settings.stop_s * _FOR_CLIENTS
    activity = Producing(
        connection, connection.topics.activity, goodbye_s=max(_LEAST_S, settings.stop_s - clients_s)
    )
    service = IntakeService(activity, store)
    bound = Listen(settings.listen.host, sock.getsockname()[1])
    app = RefusalCounts(create_app(service, access(settings), Limits()))
    server = GracefulServer(
        server_config(
            app, Limits(), host=bound.host, port=bound.port, stop_s=clients_s + _DROPPED_S
        ),
        clients_s,
    )

    def stop() -> None:
        server.should_exit = True
        service.stop()

    stopping.call(stop)
    loop = asyncio.get_running_loop()
    beside = [
        loop.create_task(app.tell_now_and_then()),
        loop.create_task(service.follow()),
        loop.create_task(activity.run()),
    ]
    serving = loop.create_task(server.serve(sockets=[sock]))
    while not server.started and not serving.done():
        await asyncio.sleep(_POLL_S)
    if server.started:
        ready(bound.url())
    try:
        await serving
    finally:
        begun_s = steady_s()
        for task in beside:
            await ended(task)
        log().info("stopped", delivered_s=round(steady_s() - begun_s, 3))
