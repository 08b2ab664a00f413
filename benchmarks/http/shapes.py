"""Measures the effect of oneDNN's primitive cache on photos of all aspect ratios, in random order.

oneDNN compiles convolutions for each input shape and caches them. Two services take turns: one with oneDNN's default
cache of 1,024 convolutions, and one with the size that core/tensorflow.py sets. Each gets a photo of every shape once
before it is timed. Prints the requests per second, the memory at rest, and the ratio of the speeds.
"""

import asyncio
import random
import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from PIL import Image

from benchmarks.options import argument_parser
from tests.support.http_client import GZIP, form, post
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.paths import ASTRONAUT
from tests.support.service import ServiceProcess, running_service

CLIENTS = 4
SERVICES: dict[str, Callable[[], AbstractContextManager[ServiceProcess]]] = {
    "oneDNN's default": partial(running_service, ONEDNN_PRIMITIVE_CACHE_CAPACITY="1024"),
    "the service's": running_service,
}


def photos_of_all_shapes() -> list[bytes]:
    """Return a request for each canvas, whose height and width are multiples of 8 pixels plus 1, 513 at most."""
    requests = []
    with Image.open(ASTRONAUT) as photo:
        for side in range(9, 514, 8):
            for size in sorted({(513, side), (side, 513)}):
                jpeg = encode(photo.resize(size), "JPEG")
                requests.append(post(form(jpeg), "/model/predict?output=mask", GZIP))
    return requests


async def compare(rounds: int) -> None:
    """Print the comparison over `rounds` rounds."""
    requests = photos_of_all_shapes()
    with ExitStack() as stack:
        services = {name: stack.enter_context(run()) for name, run in SERVICES.items()}
        clients = {name: Client(service.port) for name, service in services.items()}
        speeds: dict[str, list[float]] = {name: [] for name in services}
        for _ in range(rounds + 1):
            for name, client in clients.items():
                order = random.sample(requests, len(requests))
                speeds[name].append(await client.closed_loop(iter(order), CLIENTS))
        await asyncio.sleep(8)  # the service then has released the memory that it does not need
        print(f"| cache, {len(requests)} shapes | requests/s | MB |\n| --- | --- | --- |")
        for name, service in services.items():
            if set(clients[name].answers.statuses) != {200}:
                sys.exit(f"error: expected only answers 200, got {dict(clients[name].answers.statuses)}")
            print(f"| {name} | {statistics.median(speeds[name][1:]):.1f} | {service.memory_megabytes():.0f} |")
        default, ours = (values[1:] for values in speeds.values())
        ratios = [after / before for before, after in zip(default, ours, strict=True)]
        print(f"{statistics.median(ratios):.2f} times as fast, {min(ratios):.2f} to {max(ratios):.2f}")


def main() -> None:
    parser = argument_parser("benchmarks.http.shapes", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="number of timed rounds; default: 5")
    asyncio.run(compare(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
