"""More than the service can do: four times its load for minutes."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.support.http_client import Client, get
from tests.support.service import Running
from benchmarks.soak.checks import REFUSED, REST, Line, at_rest, photos
from core.runtime.cpu import usable_cores

# Seconds under load at once.
PIECE = 10


async def one_by_one(port: int, count: int) -> float:
    """Return the median seconds of `count` requests for the same photo, one after the other."""
    client, request = Client(port), next(photos())
    for _ in range(count):
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


@dataclass(frozen=True)
class Speed:
    """How many requests were answered 200 each second, and how many for each core that was the service's to use.

    The clients run on the same cores. What a crowd takes of them is its own, and elsewhere in real life.
    """

    each_second: float
    each_core: float


async def measured(client: Client, probes: dict[str, Client], asking: Awaitable[object]) -> Speed:
    """Return the speed at which `client` is answered as long as `asking` lasts."""
    good, began, cpu = client.answers.statuses[200], time.monotonic(), time.process_time()
    async with probed(probes):
        await asking
    took = time.monotonic() - began
    speed = (client.answers.statuses[200] - good) / took
    return Speed(speed, speed / (usable_cores() - (time.process_time() - cpu) / took))


def beside(crowds: list[float], calms: list[float]) -> list[float]:
    """Return the ratio of each crowd's speed to the mean of the calms before and after it."""
    return [2 * speed / (before + after) for speed, (before, after) in zip(crowds, pairwise(calms), strict=True)]


async def load(service: Running, seconds: float, rest: float = REST) -> list[Line]:
    """Ask four times what the service can answer, for `seconds` in all; weigh it after `rest` seconds of nothing."""
    port = service.port
    # So that every thread and buffer has been needed once: what grows afterwards does so with time.
    await Client(port).open_loop(photos(), 100, 5)
    before = await at_rest(service, rest)
    calm, crowd, probes = Client(port), Client(port), {path: Client(port) for path in ("/health/live", "/health/ready")}

    async def sustained(seconds: float) -> Speed:
        """Return what is answered in calm. Health is asked here too: the difference is the load alone."""
        return await measured(calm, {path: Client(port) for path in probes}, calm.closed_loop(photos(), 4, seconds))

    # In turns, because a machine's speed drifts: each piece under load is compared with the calm on both its sides, and
    # the single requests right after it with those right before.
    rounds = max(3, int(seconds / PIECE))
    piece = seconds / rounds
    singles = math.ceil(piece / 2)
    calms, crowds, afterwards = [await sustained(piece / 2)], [], []
    for _ in range(rounds):
        alone = await one_by_one(port, singles)
        crowds.append(await measured(crowd, probes, crowd.open_loop(photos(), 4 * calms[-1].each_second, piece)))
        afterwards.append(await one_by_one(port, singles) / alone)
        calms.append(await sustained(piece / 2))
    ratios = beside([c.each_core for c in crowds], [c.each_core for c in calms])
    rates = [c.each_second for c in calms]
    raw = statistics.median(beside([c.each_second for c in crowds], rates))
    after = await at_rest(service, rest)
    answers, throughput, recovered = crowd.answers, statistics.median(ratios), statistics.median(afterwards)
    slowest, refused = answers.percentile(0.99), answers.percentile(0.99, 503)
    lines = [
        Line("4 x load: every request gets 200 or 503", str(dict(answers.statuses)), set(answers.statuses) <= REFUSED),
        Line("accepted: 99 % within 30 s (REQUEST_TIMEOUT)", f"{slowest:.2f} s", slowest < 30),
        Line("refused: 99 % within 0.1 s", f"{refused:.3f} s", refused < 0.1, judged_short=False),
        Line(
            "throughput, of the CPU that the clients leave, over 95 % of the unloaded",
            f"{throughput:.1%}, {min(ratios):.1%} to {max(ratios):.1%}; "
            f"with the clients' share {raw:.1%} of {statistics.median(rates):.1f}/s",
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
            f"{recovered:.2f} x, {min(afterwards):.2f} to {max(afterwards):.2f}",
            recovered < 1.15,
            judged_short=False,
        ),
    ]
    for path, client in probes.items():
        latency = client.answers.percentile(0.99)
        kept = set(client.answers.statuses) == {200} and latency < 0.05
        lines.append(Line(f"{path}: 99 % within 50 ms", f"{1000 * latency:.0f} ms", kept, judged_short=False))
    return lines
