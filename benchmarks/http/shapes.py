"""Photos of every shape there is at 513 pixels, in random order: what it gains to remember what was compiled for each.

    python benchmarks/shapes.py [--rounds N]

Two services take turns: as oneDNN would have it, with its cache of 1,024 convolutions, and as core/tensorflow.py has
it. Each is asked for all shapes once before. Prints the requests a second, the memory at rest, and the ratio.
"""

import argparse
import asyncio
import io
import random
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.http_client import Client, form, post
from tests.support.service import running
from tests.conftest import ASTRONAUT

CLIENTS = 4
SETTINGS = {"as oneDNN has it": {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}, "as it is": {}}


def shapes() -> list[bytes]:
    """Return a request for each canvas, which is a multiple of 8 pixels and one in height and width."""
    requests = []
    with Image.open(ASTRONAUT) as photo:
        for side in range(9, 514, 8):
            for size in sorted({(513, side), (side, 513)}):
                file = io.BytesIO()
                photo.resize(size).save(file, "JPEG")
                requests.append(post(form(file.getvalue()), "/model/predict?output=mask"))
    return requests


async def speed(client: Client, requests: list[bytes]) -> float:
    """Return how many of `requests`, in random order, are answered each second."""
    order = iter(random.sample(requests, len(requests)))
    began = time.monotonic()

    async def one() -> None:
        for request in order:
            await client.ask(request)

    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    return len(requests) / (time.monotonic() - began)


async def compare(rounds: int) -> None:
    requests = shapes()
    with ExitStack() as stack:
        services = {name: stack.enter_context(running(**settings)) for name, settings in SETTINGS.items()}
        clients = {name: Client(service.port) for name, service in services.items()}
        speeds: dict[str, list[float]] = {name: [] for name in services}
        for _ in range(rounds + 1):
            for name, client in clients.items():
                speeds[name].append(await speed(client, requests))
        await asyncio.sleep(8)  # after which it has given back what it does not need
        print(f"| {len(requests)} shapes | requests/s | MB |\n| --- | --- | --- |")
        for name, service in services.items():
            if set(clients[name].answers.statuses) != {200}:
                sys.exit(f"not all were answered: {dict(clients[name].answers.statuses)}")
            print(f"| {name} | {statistics.median(speeds[name][1:]):.1f} | {service.megabytes():.0f} |")
        old, new = (values[1:] for values in speeds.values())
        ratios = [after / before for before, after in zip(old, new, strict=True)]
        print(f"{statistics.median(ratios):.2f} times as fast, {min(ratios):.2f} to {max(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(compare(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
