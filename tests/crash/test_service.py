"""The real service, killed and stopped under load, and on a disk that runs full."""

import contextlib
import os
import signal
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.under_load import Client, judge
from tests.service.processes import Start, Up


def caught_up(up: Up) -> None:
    """Until the service takes events and has decided all of them."""
    for _ in range(100_000):
        answer = up.client.get("/readyz")
        if answer.status_code == 200 and answer.json()["behind"] == 0:
            return
    raise AssertionError(answer.text)


def test_killed_under_load_it_loses_and_doubles_nothing(up: Start, tmp_path: Path) -> None:
    draw = Random(1)
    clients = [Client("a"), Client("b"), Client("c")]
    for client in clients:
        client.start()
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        service = up()
        before = [len(client.confirmed) for client in clients]
        for client in clients:
            client.serve(service)
        for client, count in zip(clients, before, strict=True):
            client.wait_for(count + draw.randint(5, 150))
        status = service.stop(number)
        assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        for client in clients:
            client.serve(None)
    last = up()
    for client in clients:
        client.serve(last)
        client.wait_for(len(client.confirmed) + 20)
        client.stop()
    caught_up(last)
    assert last.stop() == 0
    assert judge(tmp_path / "baton.db", clients) > 50
    assert all(status == 503 for client in clients for status, _ in client.refused)


def test_100_clients_at_once_lose_and_double_nothing(up: Start, tmp_path: Path) -> None:
    service = up()
    clients = [Client(f"c{number}") for number in range(100)]
    for client in clients:
        client.start()
        client.serve(service)
    for client in clients:
        client.wait_for(10)
    for client in clients:
        client.serve(None)
    for client in clients:
        client.stop()
    caught_up(service)
    assert service.stop() == 0
    assert judge(tmp_path / "baton.db", clients) > 1_000
    assert all(status == 503 for client in clients for status, _ in client.refused)


def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(
    up: Start, small_disk: Path
) -> None:
    store, ballast = small_disk / "baton.db", small_disk / "ballast"
    service = up(store=str(store))
    clients = [Client("a"), Client("b")]
    for client in clients:
        client.start()
        client.serve(service)
    for client in clients:
        client.wait_for(20)
    # The clients may fill the rest meanwhile: full is full.
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        free = small_disk_free(small_disk)
        file.write(bytes(max(0, free - 64 * 1024)))
    problem = first_refusal(clients)
    assert problem["status"] == 503
    assert "full" in problem["detail"]
    assert "Nothing of this request was stored" in problem["detail"]
    # What was decided can still be read meanwhile.
    assert service.decisions()
    ballast.unlink()
    for client in clients:
        client.wait_for(len(client.confirmed) + 50)
        client.stop()
    caught_up(service)
    lines = [line["event"] for line in service.lines()]
    assert lines.count("storage_failed") >= 1
    assert lines.count("storage_recovered") >= 1
    assert service.stop() == 0
    assert judge(store, clients) > 20


def small_disk_free(point: Path) -> int:
    """Bytes that are free."""
    found = os.statvfs(point)
    return found.f_bavail * found.f_frsize


def first_refusal(clients: list[Client]) -> dict[str, Any]:
    """The first problem that the first client is told, once each has been told one."""
    for client in clients:
        client.wait_for_refusal()
    return clients[0].refused[0][1]
