"""Measures the start and the memory of the service, for the memory limit of a container.

Starts the real service for each model and IMAGE_SIZE; its other settings come from the environment. A model is a
MODEL_TYPE or the file of a graph. Prints, with memory in MB of 1,000,000 bytes:

- the seconds until the service is ready, and the CPU seconds until then,
- the peak of the resident memory of its processes until it has warmed up, and then, at rest, their resident,
  proportional and own memory. Proportional memory counts shared pages once, and divides the pages of libraries among
  all processes of the machine that use them; own memory leaves these out,
- the peak of the resident memory while 16 clients send photos of 12 megapixels at once and ask for cut-outs at the size
  of the photo, and the resident and own memory afterwards.

A second table has the own memory by process; further ones, for each model, what each stage of the start adds to the
process that serves (benchmarks.http.stages).
"""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from benchmarks.options import argument_parser
from tests.support.http_client import form, post
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.paths import ASTRONAUT
from tests.support.processes import children, memory_megabytes
from tests.support.service import ServiceProcess, started_service

CLIENTS, REQUESTS = 16, 32
# Seconds until the trim of the heap (core.heap), and until a service without work counts as warmed up.
TRIM_SECONDS, IDLE_SECONDS = 6, 3
COLUMNS = (
    "ready",
    "CPU until then",
    "peak, loading",
    "then: resident",
    "proportional",
    "own",
    "peak, working",
    "then: resident",
    "own",
)


def wait_until_idle(service: ServiceProcess) -> None:
    """Wait until the service takes no CPU time, and has trimmed its heap."""
    before = -1.0
    while (now := service.cpu_seconds()) > before + 0.1:
        before = now
        time.sleep(IDLE_SECONDS)
    time.sleep(TRIM_SECONDS)


def variables(model: str) -> dict[str, str]:
    """Return the settings that choose `model`."""
    return {"MODEL_PATH": model} if Path(model).exists() else {"MODEL_TYPE": model}


async def measure(model: str, image_size: int, request: bytes, *, work: bool) -> tuple[list[str], str]:
    """Return the columns of the table, and the row of the table by process."""
    began_at = time.monotonic()
    with started_service(**variables(model), IMAGE_SIZE=str(image_size), REQUEST_TIMEOUT="600") as service:
        service.wait_until(ready=True)
        found = [f"{time.monotonic() - began_at:.1f} s", f"{service.cpu_seconds():.1f} s"]
        wait_until_idle(service)
        memory = [service.memory_megabytes(field) for field in ("VmHWM", "VmRSS", "RssAnon")]
        memory.insert(2, service.proportional_megabytes())
        [worker] = service.workers
        processes = [[service.process.pid], [worker], children(worker)]
        by_process = " | ".join(f"{sum(memory_megabytes(pid, 'RssAnon') for pid in pids):.0f}" for pids in processes)
        if work:
            async with Client(service.port, timeout=900) as client:
                await client.closed_loop(itertools.repeat(request, REQUESTS), CLIENTS)
            if set(client.answers.statuses) != {200}:
                sys.exit(f"error: expected only answers 200, got {dict(client.answers.statuses)}")
            memory.append(service.memory_megabytes("VmHWM"))
            wait_until_idle(service)
            memory += [service.memory_megabytes(field) for field in ("VmRSS", "RssAnon")]
    return found + [f"{value:.0f}" for value in memory], by_process


def main() -> None:
    parser = argument_parser("benchmarks.http.memory", __doc__)
    parser.add_argument("--models", nargs="+", default=["mobile", "full"], help="default: mobile full")
    parser.add_argument("--sizes", type=int, nargs="+", default=[513, 1024], help="default: 513 1024")
    parser.add_argument("--short", action="store_true", help="only the start, without clients")
    arguments = parser.parse_args()
    with Image.open(ASTRONAUT) as photo:
        jpeg = encode(photo.resize((4000, 3000)), "JPEG")
    request = post(form(jpeg), "/model/predict?output=cutout&size=original")
    columns = COLUMNS[: 6 if arguments.short else None]
    print(f"| model | `IMAGE_SIZE` | {' | '.join(columns)} |\n| --- | --- |{' --- |' * len(columns)}")
    rows = []
    for model in arguments.models:
        for image_size in arguments.sizes:
            found, by_process = asyncio.run(measure(model, image_size, request, work=not arguments.short))
            print(f"| {Path(model).name} | {image_size} | {' | '.join(found)} |", flush=True)
            rows.append(f"| {Path(model).name} | {image_size} | {by_process} |")
    print("\n| own memory | `IMAGE_SIZE` | server | worker | decoders |\n| --- | --- | --- | --- | --- |")
    print(*rows, sep="\n")
    for model, image_size in itertools.product(arguments.models, arguments.sizes):
        print(f"\n{Path(model).name}, {image_size}:\n", flush=True)
        environment = os.environ | variables(model) | {"IMAGE_SIZE": str(image_size)}
        subprocess.run([sys.executable, "-m", "benchmarks.http.stages"], env=environment, check=True)


if __name__ == "__main__":
    main()
