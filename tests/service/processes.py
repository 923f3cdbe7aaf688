"""A real `baton up` in a process of its own, on a free port of loopback."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

BATON: Final = (sys.executable, "-c", "from streams.cli import main; main()")
WAIT_S: Final = 60.0


def environment(**settings: str) -> dict[str, str]:
    """The present environment with these settings of baton and no others."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return bare | {f"BATON_{name.upper()}": value for name, value in settings.items()}


def event(number: int, kind: str, subject: str = "lead-1", **data: Any) -> dict[str, Any]:
    """An event of half an hour into the year 2026."""
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "/tests",
        "type": kind,
        "subject": subject,
        "time": "2026-01-07T10:30:00+01:00",
        "data": data,
    }


class Up:
    """One `baton up`: its address, and what it is told and says."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.log = log
        assert process.stdout is not None
        self.said = process.stdout.readline()
        assert self.said, log.read_text()
        words = self.said.split()
        self.url = next((word for word in words if word.startswith("http://")), "")
        self.client = httpx.Client(base_url=self.url, timeout=WAIT_S, trust_env=False)

    def post(self, *events: dict[str, Any]) -> httpx.Response:
        """Send events as a batch."""
        headers = {"content-type": "application/cloudevents-batch+json"}
        return self.client.post("/events", content=json.dumps(events), headers=headers)

    def decided(self, count: int, lead: str = "lead-1") -> list[dict[str, Any]]:
        """The lead's first decisions, as soon as there are so many."""
        found: list[dict[str, Any]] = []
        asked = {"accept": "text/event-stream"}
        with self.client.stream(
            "GET", "/decisions", params={"lead": lead}, headers=asked
        ) as answer:
            for line in answer.iter_lines():
                assert not line.startswith(":"), f"only {found}, and now a heartbeat"
                if line.startswith("data:"):
                    found.append(json.loads(line.removeprefix("data:")))
                    if len(found) == count:
                        return found
        raise AssertionError(f"the stream ended after {len(found)} decisions")

    def decisions(self) -> list[dict[str, Any]]:
        """All decisions there are."""
        found: list[dict[str, Any]] = self.client.get("/decisions").json()["decisions"]
        return found

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal, and wait; its exit status."""
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


Start = Callable[..., Up]
Baton = Callable[..., "subprocess.CompletedProcess[str]"]
