"""A client that posts events, in a process of its own: `python -m tests.bench.load`.

`singles PORT LEADS SEED RATE SECONDS`: single events at a fixed pace. Latency counts
from the moment at which an event was due to be sent, so that a slow answer is
not forgiven what it held up. `batches PORT SEED SECONDS`: batches as fast as
they are taken. Prints one JSON object: `taken`, `refused`, `latencies_ms`.
"""

import asyncio
import itertools
import json
import sys
from typing import Final, NamedTuple

from streams.clock import now, steady_s
from tests.bench.activity import BATCH, Drawn
from tests.bench.stored import has_deadline, lead_ids

BEGINS: Final = "sending"
_CONNECTIONS: Final = 256
_SENDING: Final = 2
"""Batches on the way at once."""
_PREPARED: Final = 20
"""Batches that are made before the first is sent, and sent again under new names."""


class Answer(NamedTuple):
    """One answer of the service."""

    status: int
    at_s: float


class Connection:
    """One kept-alive connection; requests go over it one after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, kind: str, content: bytes) -> Answer:
        """Send one request, and wait for its whole answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/{kind}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        fields = dict(
            line.split(": ", 1) for line in answer.decode().lower().split("\r\n")[1:] if line
        )
        await reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            writer.close()
            self._streams = None
        return Answer(int(answer.split(b" ", 2)[1]), steady_s())


async def singles(port: int, drawn: Drawn, rate: int, seconds: float) -> dict[str, object]:
    """`rate` events a second, evenly; each is sent when it is due, whatever became of others."""
    count = int(rate * seconds)
    bodies = drawn.batch(count, 1 / rate)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(Connection(port))
    latencies: list[tuple[float, float]] = []
    refused = 0

    async def post(content: bytes, after_s: float) -> None:
        nonlocal refused
        connection = await free.get()
        answer = await connection.post("cloudevents+json", content)
        free.put_nowait(connection)
        latencies.append((start_at_s + after_s, (answer.at_s - start_s - after_s) * 1000))
        refused += answer.status != 202

    print(BEGINS, flush=True)
    start_s, start_at_s = steady_s(), now().timestamp()
    async with asyncio.TaskGroup() as posts:
        for number, content in enumerate(bodies):
            after_s = number / rate
            await asyncio.sleep(max(0.0, start_s + after_s - steady_s()))
            posts.create_task(post(content, after_s))
    return {"taken": count - refused, "refused": refused, "latencies": latencies}


async def batches(port: int, drawn: Drawn, seconds: float) -> dict[str, object]:
    """Batches without a pause; one that is refused is dropped, and the next tried soon."""
    prepared = [b"[" + b",".join(drawn.batch(BATCH, 0.001)) + b"]" for _ in range(_PREPARED)]
    mark = drawn.mark.encode()
    renamed = (
        each.replace(mark, b"%b-%d" % (mark, turn))
        for turn in itertools.count()
        for each in prepared
    )
    taken = refused = 0
    print(BEGINS, flush=True)
    until_s = steady_s() + seconds

    async def send() -> None:
        nonlocal taken, refused
        connection = Connection(port)
        while steady_s() < until_s:
            answer = await connection.post("cloudevents-batch+json", next(renamed))
            if answer.status == 202:
                taken += BATCH
            else:
                refused += 1
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as senders:
        for _ in range(_SENDING):
            senders.create_task(send())
    return {"taken": taken, "refused": refused}


def main(kind: str, port: str, count: str, seed: str, *numbers: str) -> None:
    """Post, and print what came of it."""
    # Those with a deadline set are left alone: a call reported in time would keep the promise.
    drawn = Drawn(
        [each for each in lead_ids(int(count)) if not has_deadline(each)], now(), seed=int(seed)
    )
    if kind == "singles":
        rate, seconds = numbers
        result = asyncio.run(singles(int(port), drawn, int(rate), float(seconds)))
    else:
        result = asyncio.run(batches(int(port), drawn, float(numbers[0])))
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
