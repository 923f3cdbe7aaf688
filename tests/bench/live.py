"""`baton up` as it is: a process of its own, asked over loopback while time goes by."""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from streams.clock import steady_s
from streams.sqlite.store import CACHED_LEADS
from tests.bench.activity import agreement_text
from tests.bench.deadlines import Seen, make_due, watch
from tests.bench.figures import Benchmark, Reading
from tests.bench.load import BEGINS
from tests.bench.stored import FEW, FOLDER, MANY, copied

RATE: Final = 300
"""Single posts a second."""
SECONDS: Final = 10
RESTARTS: Final = 3
DUE: Final = 10_000
_AHEAD_S: Final = 20
"""How long before the deadlines the service is started."""
_WAIT_S: Final = 60.0
_LOAD: Final = (sys.executable, "-m", "tests.bench.load")
_UP: Final = (sys.executable, "-c", "from streams.cli import main; main()", "up")


class Up:
    """A running service on the shared copy of a store."""

    def __init__(self, count: int) -> None:
        self.path = copied(count)
        self._count = count
        agreement = FOLDER / "acme.yaml"
        agreement.write_bytes(agreement_text())
        environment = {n: v for n, v in os.environ.items() if not n.startswith("BATON_")}
        self._log = (FOLDER / "up.log").open("w")
        self._process = subprocess.Popen(
            [*_UP, f"--agreement={agreement}", f"--store={self.path}", "--listen=127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment,
        )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        url = next((word for word in said if word.startswith("http://")), None)
        if url is None:
            raise AssertionError(f"baton up did not start; see {self._log.name}")
        self.url = url
        self._await_ready()

    def _await_ready(self) -> None:
        """Until it takes events and has caught up with what it had taken."""
        until_s = steady_s() + _WAIT_S
        with httpx.Client(trust_env=False) as client:
            while client.get(f"{self.url}/readyz").status_code != 200:
                assert steady_s() < until_s, "the service is not ready after a minute"
                time.sleep(0.005)

    def load(self, kind: str, seed: int, *numbers: float) -> "subprocess.Popen[str]":
        """A client of `tests.bench.load` set on this service; it has begun to send."""
        port = self.url.rpartition(":")[2]
        arguments = (kind, port, str(self._count), str(seed), *map(str, numbers))
        client = subprocess.Popen(
            [*_LOAD, *arguments], stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert client.stdout is not None
        assert client.stdout.readline().strip() == BEGINS
        return client

    def memory_mb(self, field: str) -> float:
        """Resident memory as the system counts it: `VmRSS` now, `VmHWM` at its most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) / 1024

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator stops it."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(_WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()


@contextlib.contextmanager
def _up(count: int) -> Iterator[Up]:
    up = Up(count)
    try:
        yield up
    finally:
        up.stop()


def _result(client: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = client.communicate(timeout=10 * _WAIT_S)
    assert client.returncode == 0, "the client failed"
    result: dict[str, Any] = json.loads(out)
    return result


def _p99(latencies: list[list[float]], since_s: float = 0.0) -> float:
    """The 99th percentile in ms of what was due to be sent at `since_s` or later."""
    return statistics.quantiles([ms for at_s, ms in latencies if at_s >= since_s], n=100)[98]


@cache
def _memory_mb(count: int) -> float:
    """The most that the service ever had resident amid events about any of the leads."""
    with _up(count) as up:
        result = _result(up.load("batches", 100, 8.0))
        assert result["taken"] >= 3 * CACHED_LEADS, result
        httpx.get(f"{up.url}/leads", params={"limit": 100}, trust_env=False).raise_for_status()
        return up.memory_mb("VmHWM")


def memory_growth() -> Reading:
    """What a million stored leads take over ten thousand, at the highest."""
    return Reading(_memory_mb(MANY) - _memory_mb(FEW))


def memory_total() -> Reading:
    """All of the process with a million stored leads, at the highest."""
    return Reading(_memory_mb(MANY))


def latency_alone() -> Reading:
    """Single posts until their durable answer, the 99th percentile."""
    with _up(MANY) as up:
        _result(up.load("singles", 200, RATE, 1))
        return Reading(_p99(_result(up.load("singles", 201, RATE, SECONDS))["latencies"]))


def latency_saturated() -> Reading:
    """The same with the engine saturated by clients that send batches without a pause."""
    with _up(MANY) as up:
        batches = up.load("batches", 300, 10.0 * SECONDS)
        latencies = _result(up.load("singles", 301, RATE, SECONDS))["latencies"]
        assert batches.poll() is None, "there was no load any more"
        batches.kill()
        batches.communicate()
        return Reading(_p99(latencies))


@cache
def _deadlines() -> tuple[Seen, float]:
    """Ten thousand deadlines in one second, amid single posts."""
    first_at = make_due(copied(MANY), DUE, _AHEAD_S)
    with _up(MANY) as up:
        singles = up.load("singles", 400, RATE, _AHEAD_S + 3)
        seen = watch(up.path, first_at, DUE)
        latencies = _result(singles)["latencies"]
        return seen, _p99(latencies, first_at.timestamp())


def deadlines_per_s() -> Reading:
    """Breaches decided per second, from the first deadline to the last decision on disk."""
    seen = _deadlines()[0]
    return Reading(DUE / seen.seconds)


def deadlines_early() -> Reading:
    """How many of them were decided before they were due."""
    return Reading(_deadlines()[0].early)


def latency_at_deadlines() -> Reading:
    """Single posts in the seconds around the deadlines."""
    return Reading(_deadlines()[1])


def restart() -> Reading:
    """From `kill -9` amid single posts to ready again; the median of some."""
    taken_s: list[float] = []
    for number in range(RESTARTS):
        up = Up(MANY)
        client = up.load("singles", 500 + number, RATE, 10)
        time.sleep(1.0)
        started_s = steady_s()
        up.kill()
        again = Up(MANY)
        taken_s.append(steady_s() - started_s)
        client.kill()
        client.communicate()
        again.stop()
    return Reading(statistics.median(taken_s))


def _benchmark(
    name: str, unit: str, target: float, run: Callable[[], Reading]
) -> Benchmark:  # fmt: skip
    return Benchmark(name, unit, "lower", target, "value", run)


BENCHMARKS = (
    _benchmark("memory_growth", "MB", 50.0, memory_growth),
    _benchmark("memory_total", "MB", 300.0, memory_total),
    _benchmark("intake_latency_alone", "ms", 25.0, latency_alone),
    _benchmark("intake_latency_saturated", "ms", 50.0, latency_saturated),
    Benchmark("deadlines_per_s", "breaches/s", "higher", 5_000.0, "value", deadlines_per_s),
    _benchmark("deadlines_early", "breaches", 0.0, deadlines_early),
    _benchmark("intake_latency_at_deadlines", "ms", 100.0, latency_at_deadlines),
    _benchmark("restart_s", "s", 3.0, restart),
)
