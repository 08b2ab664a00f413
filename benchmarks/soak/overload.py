"""Minutes of four times the load that the service can carry."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise, repeat

from benchmarks.soak.checks import OVERLOAD_STATUSES, REST, Check, memory_at_rest, photos
from core.runtime.cpu import usable_cores
from tests.support.http_client import get
from tests.support.load_generator import Client
from tests.support.service import ServiceProcess

HEALTH = ("/health/live", "/health/ready")
# Seconds of one phase of overload.
PHASE = 10


async def single_request_seconds(port: int, count: int) -> float:
    """Return the median duration of `count` requests for the same photo, sent one after the other."""
    async with Client(port) as client:
        await client.closed_loop(repeat(next(photos()), count), clients=1)
    return statistics.median(client.answers.seconds[200])


@asynccontextmanager
async def probed(probes: dict[str, Client]) -> AsyncIterator[None]:
    """During the block, send GET requests for each path with its client, ten per second."""

    async def probe(path: str) -> None:
        while True:
            await probes[path].ask(get(path))
            await asyncio.sleep(0.1)

    probing = [asyncio.create_task(probe(path)) for path in probes]
    try:
        yield
    finally:
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)


@dataclass(frozen=True)
class AnswerRate:
    """Answers with status 200 per second, and per second and core that the service could use.

    The clients run on the same cores. Under overload they use more of them, which they would not do in production.
    """

    per_second: float
    per_core: float


async def answer_rate(client: Client, probes: dict[str, Client], load: Awaitable[object]) -> AnswerRate:
    """Return the rate of answers to `client` during `load`, while health is probed."""
    good, began, cpu = client.answers.statuses[200], time.monotonic(), time.process_time()
    async with probed(probes):
        await load
    seconds = time.monotonic() - began
    rate = (client.answers.statuses[200] - good) / seconds
    return AnswerRate(rate, rate / (usable_cores() - (time.process_time() - cpu) / seconds))


def ratios_to_neighbours(overloads: list[float], calms: list[float]) -> list[float]:
    """Return the ratio of each rate under overload to the mean of the calm rates before and after it."""
    return [2 * rate / (before + after) for rate, (before, after) in zip(overloads, pairwise(calms), strict=True)]


async def check_overload(service: ServiceProcess, seconds: float, rest: float = REST) -> list[Check]:
    """Send four times the requests that the service can answer, for `seconds` in total.

    The memory is measured before and afterwards, after `rest` seconds without requests.
    """
    port = service.port
    # First use every thread and buffer once, so that only growth over time is left.
    await Client(port).open_loop(photos(), 100, 5)
    before = await memory_at_rest(service, rest)
    calm, overload, probes = Client(port), Client(port), {path: Client(port) for path in HEALTH}

    async def sustained_rate(seconds: float) -> AnswerRate:
        """Return the rate that four clients get. Health is probed here too, so that both rates include the probes."""
        return await answer_rate(calm, {path: Client(port) for path in HEALTH}, calm.closed_loop(photos(), 4, seconds))

    # The speed of a machine changes over minutes. Therefore calm and overload take turns: each phase of overload is
    # compared with the calm phases before and after it, and the single requests after it with those before it.
    phases = max(3, int(seconds / PHASE))
    phase = seconds / phases
    singles = math.ceil(phase / 2)
    calms, overloads, recoveries = [await sustained_rate(phase / 2)], [], []
    for _ in range(phases):
        alone = await single_request_seconds(port, singles)
        load = overload.open_loop(photos(), 4 * calms[-1].per_second, phase)
        overloads.append(await answer_rate(overload, probes, load))
        recoveries.append(await single_request_seconds(port, singles) / alone)
        calms.append(await sustained_rate(phase / 2))
    after = await memory_at_rest(service, rest)

    statuses = overload.answers.statuses
    accepted, rejected = overload.answers.percentile(0.99), overload.answers.percentile(0.99, 503)
    ratios = ratios_to_neighbours([rate.per_core for rate in overloads], [rate.per_core for rate in calms])
    rates = [rate.per_second for rate in calms]
    raw = statistics.median(ratios_to_neighbours([rate.per_second for rate in overloads], rates))
    throughput, recovery = statistics.median(ratios), statistics.median(recoveries)
    checks = [
        Check("4 x load: every request gets 200 or 503", str(dict(statuses)), set(statuses) <= OVERLOAD_STATUSES),
        Check("accepted: 99 % within 30 s (REQUEST_TIMEOUT)", f"{accepted:.2f} s", accepted < 30),
        Check("rejected: 99 % within 0.1 s", f"{rejected:.3f} s", rejected < 0.1, judged_short=False),
        Check(
            "throughput per core that the clients leave: over 95 % of that without overload",
            f"{throughput:.1%}, {min(ratios):.1%} to {max(ratios):.1%}; "
            f"of all cores {raw:.1%} of {statistics.median(rates):.1f}/s",
            throughput > 0.95,
            judged_short=False,
        ),
        Check(
            "memory grows by less than 3 %",
            f"{before:.0f} to {after:.0f} MB",
            after < 1.03 * before,
            judged_short=False,
        ),
        Check(
            "a single request after overload takes less than 1.15 times as long as before",
            f"{recovery:.2f} x, {min(recoveries):.2f} to {max(recoveries):.2f}",
            recovery < 1.15,
            judged_short=False,
        ),
    ]
    for path, client in probes.items():
        latency = client.answers.percentile(0.99)
        kept = set(client.answers.statuses) == {200} and latency < 0.05
        checks.append(Check(f"{path}: 99 % within 50 ms", f"{1000 * latency:.0f} ms", kept, judged_short=False))
    return checks
