"""What it costs to take, decide and keep an event on the embedded store, HTTP left out.

Processor time is measured, the system's part included, so that neighbours on
the machine count as little as possible. What is left out is the wait for the disk.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Self

from streams.clock import steady_s
from streams.loop import Loop
from streams.pauses import Pauses
from streams.sqlite.database import Database
from streams.writer import LONG_SLICE_S
from tests.bench.activity import BATCH, Drawn, agreement, agreement_text, body, mixed, validated
from tests.bench.figures import Benchmark, Reading
from tests.bench.stored import FEW, FOLDER, MANY, copied, lead_ids

ROUNDS: Final = 5
WARM_BATCHES: Final = 12
"""After so many, the leads that are kept in memory are those that the events are about."""
MEASURED_BATCHES: Final = 15
HOT_SHARE: Final = 0.05


class Embedded:
    """Log, store and loop as the writer of the service works them, on one thread."""

    def __init__(self, path: Path, at: datetime) -> None:
        # As in the service, nobody looks for garbage everywhere while something waits.
        Pauses()
        self._database = Database(path)
        log, store = self._database.log, self._database.store
        self._loop = Loop(log, store)
        if self._loop.agreement is None:
            store.keep_agreement(agreement().digest, agreement_text())
            self._loop.offer([log.activate(agreement().digest, at)])
        self._work(at)

    def take(self, bodies: Sequence[bytes], at: datetime) -> None:
        """One submission, from bytes to everything that follows from it on disk."""
        self._loop.offer(self._database.log.append(validated(bodies), at))
        self._work(at)

    def _work(self, at: datetime) -> None:
        while self._loop.slice(at, _long_enough())[1]:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _long_enough() -> Callable[[], bool]:
    """Nobody waits meanwhile, so slices are long ones. To ask for processor time is too dear."""
    begun_s = steady_s()
    return lambda: steady_s() - begun_s >= LONG_SLICE_S


class _Spent:
    """What the batches given to one side have cost this process so far."""

    def __init__(self, take: Callable[[Sequence[bytes], datetime], None]) -> None:
        self._take = take
        self.seconds = 0.0
        self.written_bytes = 0

    def __call__(self, bodies: Sequence[bytes], at: datetime) -> None:
        written, started = _written(), time.process_time()
        self._take(bodies, at)
        self.seconds += time.process_time() - started
        self.written_bytes += _written() - written


def _written() -> int:
    """Bytes that this process has handed to the disk, as the system counts them."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["write_bytes"])


@cache
def _runs() -> tuple[list[_Spent], list[_Spent], int]:
    """The service and the bare loop, batch by batch in turn, so that both meet the same machine."""
    events = mixed()
    batches: list[tuple[list[bytes], datetime]] = []
    for start in range(0, len(events), BATCH):
        part = events[start : start + BATCH]
        assert part[-1].received_at is not None
        batches.append(([body(each) for each in part], part[-1].received_at))
    FOLDER.mkdir(parents=True, exist_ok=True)
    service: list[_Spent] = []
    bare: list[_Spent] = []
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        for number in range(ROUNDS):
            with (
                Embedded(Path(folder) / f"service-{number}.db", batches[0][1]) as embedded,
                _bare(Path(folder) / f"bare-{number}.db") as append,
            ):
                service.append(_Spent(embedded.take))
                bare.append(_Spent(append))
                for bodies, at in batches:
                    bare[-1](bodies, at)
                    service[-1](bodies, at)
    return service, bare, len(events)


@contextmanager
def _bare(path: Path) -> Iterator[Callable[[Sequence[bytes], datetime], None]]:
    """Validate the same bytes and append them durably: the least that any service would do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, body BLOB)")

        def take(bodies: Sequence[bytes], _: datetime) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO events (body) VALUES (?)", [(e.body,) for e in validated(bodies)]
            )
            connection.execute("COMMIT")

        yield take


def embedded_throughput() -> Reading:
    """Events per second of processor time, bytes to commit; the floor only validates and appends.

    Of some runs the one whose ratio is the median.
    """
    service, bare, events = _runs()
    pairs = sorted(
        zip(service, bare, strict=True), key=lambda pair: pair[1].seconds / pair[0].seconds
    )
    value, floor = pairs[len(pairs) // 2]
    return Reading(events / value.seconds, events / floor.seconds)


def bytes_per_event() -> Reading:
    """Bytes handed to the disk per event; the floor is the bare loop's."""
    service, bare, events = _runs()
    value, floor = (
        statistics.median(each.written_bytes for each in runs) / events for runs in (service, bare)
    )
    return Reading(value, floor)


def _scale_cost(hot_share: float) -> Reading:
    """Processor time per event with many stored leads over that with few, batch by batch."""
    files = {count: copied(count) for count in (FEW, MANY)}
    spent_s = dict.fromkeys(files, 0.0)
    at = _newest_stamp(files[MANY])
    with Embedded(files[FEW], at) as few, Embedded(files[MANY], at) as many:
        for number in range(WARM_BATCHES + MEASURED_BATCHES):
            for count, embedded in ((FEW, few), (MANY, many)):
                drawn = _drawn(count, at, int(count * hot_share))
                bodies = drawn.batch(BATCH)
                started = time.process_time()
                embedded.take(bodies, drawn.at)
                if number >= WARM_BATCHES:
                    spent_s[count] += time.process_time() - started
    return Reading(spent_s[MANY] / spent_s[FEW])


@cache
def _drawn(count: int, at: datetime, hot: int) -> Drawn:
    return Drawn(lead_ids(count), at, hot=hot)


def _newest_stamp(path: Path) -> datetime:
    with Database(path) as database:
        stamp = database.log.newest_stamp()
    assert stamp is not None
    return stamp


def scale_cost_uniform() -> Reading:
    """Events about any of the leads alike."""
    return _scale_cost(0.0)


def scale_cost_skewed() -> Reading:
    """95% of the events about the newest 5% of the leads."""
    return _scale_cost(HOT_SHARE)


BENCHMARKS = (
    Benchmark("embedded_throughput", "events/s", "higher", 0.3, "ratio", embedded_throughput),
    Benchmark("bytes_per_event", "bytes", "lower", None, "value", bytes_per_event),
    Benchmark("scale_cost_uniform", "×", "lower", 2.5, "value", scale_cost_uniform),
    Benchmark("scale_cost_skewed", "×", "lower", 1.3, "value", scale_cost_skewed),
)
