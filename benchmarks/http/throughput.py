"""Compares servers of the same model over HTTP: requests per second and latency.

1, 2, 4, 8 and 16 clients post a JPEG of 1000 x 750 pixels, made from a sample photo; each client sends its next request
when it has the answer to the last one. After a 503 it waits for as long as Retry-After says. All servers run all the
time and take turns under load (A B C A B C ...). Needs the packages of benchmarks/requirements.txt.
"""

import asyncio
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.measure import Spread, ratio
from benchmarks.options import argument_parser
from core.runtime.cpu import computes_bfloat16, computes_int8
from tests.support.http_client import form, post
from tests.support.images import encode
from tests.support.load_generator import Answers, Client
from tests.support.paths import ASTRONAUT
from tests.support.service import ServiceProcess, running_service

ORIGINAL = "original"
CLIENTS = (1, 2, 4, 8, 16)


def peer(module: str, ready_path: str) -> Callable[[], AbstractContextManager[ServiceProcess]]:
    """Return a function that runs a server of this package; `ready_path` answers 200 once its model is loaded."""
    return partial(running_service, [sys.executable, "-m", f"benchmarks.http.{module}"], ready_path=ready_path)


SERVERS: dict[str, Callable[[], AbstractContextManager[ServiceProcess]]] = {
    ORIGINAL: peer("original_server", "/swagger.json"),
    "LitServe, our engine, float32": peer("litserve_server", "/health"),
    "ours, float32": partial(running_service, PRECISION="float32"),
}
if computes_bfloat16():
    SERVERS["ours, bfloat16"] = partial(running_service, PRECISION="bfloat16")
if computes_int8():
    SERVERS["ours, int8"] = partial(running_service, PRECISION="int8")


@dataclass
class LoadResult:
    """The answers of one server to a number of clients, and how many were answered 200 per second, by round."""

    answers: Answers = field(default_factory=Answers)
    throughputs: list[float] = field(default_factory=list)

    def apply(self, service: ServiceProcess, request: bytes, clients: int, seconds: float) -> None:
        """Let `clients` send `request` to `service` for `seconds`, and add the result."""
        self.throughputs.append(asyncio.run(self._rate(service.port, request, clients, seconds)))
        if not set(self.answers.statuses) <= {200, 503}:
            raise RuntimeError(f"expected only answers 200 and 503, got {dict(self.answers.statuses)}")

    async def _rate(self, port: int, request: bytes, clients: int, seconds: float) -> float:
        async with Client(port, self.answers) as client:
            return await client.closed_loop(itertools.repeat(request), clients, seconds)

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which `percent` of the answers 200 came."""
        return 1000 * self.answers.percentile(percent / 100)


def photo() -> bytes:
    """Return the JPEG that every request carries."""
    with Image.open(ASTRONAUT) as image:
        return encode(ImageOps.fit(image, (1000, 750)), "JPEG", quality=90)


def agreement(services: dict[str, ServiceProcess], jpeg: bytes) -> dict[str, float]:
    """Return the percentage of pixels to which each server gives the same label as the original."""
    maps = {name: np.array(service.predict(jpeg).json()["seg_map"]) for name, service in services.items()}
    return {name: 100 * float(np.mean(seg_map == maps[ORIGINAL])) for name, seg_map in maps.items()}


def report(results: dict[int, dict[str, LoadResult]], equal: dict[str, float], rounds: int) -> Iterator[str]:
    """Yield the lines of the report in Markdown."""
    yield f"Ratios to the original in the same round; throughput: median (quartiles) of {rounds} rounds.\n"
    yield "| clients | server | requests/s | p50 | p99 | rejected | labels equal |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for clients, servers in results.items():
        original = servers[ORIGINAL]
        for name, result in servers.items():
            p50, p99 = (result.percentile(percent) / original.percentile(percent) for percent in (50, 99))
            yield (
                f"| {clients} | {name} | {ratio(result.throughputs, original.throughputs)} | {p50:.2f} | {p99:.2f} "
                f"| {result.answers.statuses[503]} | {equal[name]:.2f} % |"
            )
    yield "\nThe original service in this run:\n"
    yield "| clients | requests/s | p50 | p99 |"
    yield "| --- | --- | --- | --- |"
    for clients, servers in results.items():
        original = servers[ORIGINAL]
        p50, p99 = (original.percentile(percent) for percent in (50, 99))
        yield f"| {clients} | {Spread.of(original.throughputs)} | {p50:.0f} ms | {p99:.0f} ms |"


def main() -> None:
    parser = argument_parser("benchmarks.http.throughput", __doc__)
    parser.add_argument("--rounds", type=int, help="number of rounds; default: 3, or 2 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--table", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (2 if arguments.quick else 3)
    seconds = 2 if arguments.quick else 8

    jpeg = photo()
    request = post(form(jpeg))
    results = {clients: {name: LoadResult() for name in SERVERS} for clients in CLIENTS}
    with ExitStack() as stack:
        services = {name: stack.enter_context(run()) for name, run in SERVERS.items()}
        equal = agreement(services, jpeg)
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, service in services.items():
                    results[clients][name].apply(service, request, clients, seconds)
    table = "\n".join(report(results, equal, rounds))
    print(table)
    if arguments.table:
        arguments.table.write_text(f"{table}\n")


if __name__ == "__main__":
    main()
