"""More than the service can do: four times its load for minutes."""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.load import Client, get
from benchmarks.process import Running
from benchmarks.promise import REFUSED, Line, at_rest, photos

ROUNDS = 6


async def one_by_one(port: int, count: int) -> float:
    """Return the median seconds of `count` requests, one after the other."""
    client = Client(port)
    for request in itertools.islice(photos(), count):
        await client.ask(request)
    client.close()
    return statistics.median(client.answers.seconds[200])


@asynccontextmanager
async def probed(clients: dict[str, Client]) -> AsyncIterator[None]:
    """Meanwhile ask for each path with its client, ten times a second."""

    async def probe(path: str) -> None:
        while True:
            await clients[path].ask(get(path))
            await asyncio.sleep(0.1)

    probing = [asyncio.create_task(probe(path)) for path in clients]
    try:
        yield
    finally:
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)


async def load(service: Running, seconds: float) -> list[Line]:
    """Ask four times what the service can answer."""
    port = service.port
    # So that every thread and buffer has been needed once: what grows afterwards does so with time.
    await Client(port).open_loop(photos(), 100, 5)
    alone = await one_by_one(port, 30)
    before = await at_rest(service)
    calm, crowd, probes = Client(port), Client(port), {path: Client(port) for path in ("/health/live", "/health/ready")}

    async def sustained(seconds: float) -> float:
        """Return what is answered in calm, each second. Health is asked here too: the difference is the load alone."""
        async with probed({path: Client(port) for path in probes}):
            return await calm.closed_loop(photos(), 4, seconds)

    # In turns, because a machine's speed drifts: each piece under load is compared with the calm on both its sides.
    piece, good = seconds / ROUNDS, 0
    sustainable = [await sustained(piece / 2)]
    ratios = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        async with probed(probes):
            await crowd.open_loop(photos(), 4 * sustainable[-1], piece)
        took = time.monotonic() - began
        sustainable.append(await sustained(piece / 2))
        ratios.append((crowd.answers.statuses[200] - good) / took / statistics.mean(sustainable[-2:]))
        good = crowd.answers.statuses[200]
    recovered = await one_by_one(port, 30)
    after = await at_rest(service)
    answers, throughput = crowd.answers, statistics.median(ratios)
    slowest, refused = answers.percentile(0.99), answers.percentile(0.99, 503)
    lines = [
        Line("4 x load: every request gets 200 or 503", str(dict(answers.statuses)), set(answers.statuses) <= REFUSED),
        Line("accepted: 99 % within 30 s (REQUEST_TIMEOUT)", f"{slowest:.2f} s", slowest < 30),
        Line("refused: 99 % within 0.1 s", f"{refused:.3f} s", refused < 0.1, judged_short=False),
        Line(
            "throughput over 95 % of the unloaded",
            f"{throughput:.1%} of {statistics.median(sustainable):.1f}/s, {min(ratios):.1%} to {max(ratios):.1%}",
            throughput > 0.95,
            judged_short=False,
        ),
        Line(
            "memory grows by less than 3 %",
            f"{before:.0f} to {after:.0f} MB",
            after < 1.03 * before,
            judged_short=False,
        ),
        Line(
            "one request afterwards as fast as before",
            f"{recovered / alone:.2f} x",
            recovered < 1.15 * alone,
            judged_short=False,
        ),
    ]
    for path, client in probes.items():
        latency = client.answers.percentile(0.99)
        kept = set(client.answers.statuses) == {200} and latency < 0.05
        lines.append(Line(f"{path}: 99 % within 50 ms", f"{1000 * latency:.0f} ms", kept, judged_short=False))
    return lines
