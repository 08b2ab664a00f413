"""Tries to break the service, and prints what it promises beside what was measured.

    python benchmarks/soak.py [--short]

About ten minutes: four times the load it can carry for two of them, 3,000 requests of every kind, the largest images
there may be, workers that are killed, sessions that hang, clients that do not behave. `--short` does less of each, in
two minutes. Exits with 1 if a promise was not kept; a short run is too short, and CI too busy, to judge speeds by.
"""

import argparse
import asyncio
import contextlib
import io
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import Client, form, get, post
from benchmarks.process import Running, running
from tests.conftest import ROOT

PHOTOS = [(ROOT / "assets" / name).read_bytes() for name in ("astronaut.jpg", "chelsea.jpg")]
REFUSED = {200, 503}
ROUNDS = 6
# Seconds after which the service has given back what it does not need.
REST = 8


@dataclass(frozen=True)
class Line:
    """A promise, what was measured, and whether it was kept."""

    promise: str
    measured: str
    kept: bool
    judged_short: bool = True  # False for a figure that a busy machine or a short run spoils


def photos() -> Iterator[bytes]:
    """Return requests for maps of the sample photos, without an end."""
    return itertools.cycle([post(form(photo)) for photo in PHOTOS])


async def at_rest(service: Running) -> float:
    """Return the MB that the service needs when nothing is asked of it."""
    await asyncio.sleep(REST)
    return service.megabytes()


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


def mixture(count: int) -> Iterator[bytes]:
    """Return `count` requests of mixed sizes, formats, outputs and errors, always the same ones."""
    chance = random.Random(6)  # noqa: S311 - not a secret
    with Image.open(ROOT / "assets" / "astronaut.jpg") as photo:
        files = []
        for format_, number in itertools.product(("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"), range(8)):
            side = chance.choice([40, 200, 500, 800, 1600, 2500]) if number else 4000
            size = max(1, side), max(1, int(side * chance.uniform(0.2, 1)))
            file = io.BytesIO()
            photo.resize(size if chance.random() < 0.5 else size[::-1]).save(file, format_)
            files.append(file.getvalue())
    for _ in range(count):
        data = chance.choice(files)
        match chance.randrange(10):
            case 0:
                data = data[: len(data) // 2]
            case 1:
                data = chance.randbytes(1000)
        output = chance.choice(["map", "map", "map", "objects", "mask", "overlay", "cutout", "nonsense"])
        how = chance.choice(["model", "model", "model", "original"])
        yield post(form(data), f"/model/predict?output={output}&size={how}")


async def memory(service: Running, count: int) -> list[Line]:
    """Send requests of all kinds, and see what stays in memory when they are done."""
    client = Client(service.port)
    requests = mixture(count)
    rests = []
    for part in (count // 10, count):

        async def ask_all(some: Iterator[bytes]) -> None:
            for request in some:
                await client.ask(request)

        some = itertools.islice(requests, part)
        await asyncio.gather(*(ask_all(some) for _ in range(4)))
        rests.append(await at_rest(service))
    first, last = rests
    statuses = client.answers.statuses
    return [
        Line(f"{count} mixed requests: no 5xx, none lost", str(dict(statuses)), set(statuses) <= {200, 400, 413}),
        Line(
            "memory after the first tenth of them grows by less than 3 %",
            f"{first:.0f} to {last:.0f} MB",
            last < 1.03 * first,
            judged_short=False,
        ),
    ]


def largest() -> list[bytes]:
    """Return requests for the largest images that are allowed, in the worst forms for memory.

    One has the largest pixels to decode, the other the largest answer.
    """
    side = 7071  # 50 megapixels
    smooth = Image.radial_gradient("L").resize((side, side))
    noise = Image.effect_noise((side, side), 100).convert("RGB")
    requests = []
    for image, format_, output in (
        (Image.merge("RGBA", (smooth,) * 4), "PNG", "cutout"),
        (noise, "JPEG", "overlay"),
    ):
        file = io.BytesIO()
        image.save(file, format_, quality=20)
        requests.append(post(form(file.getvalue()), f"/model/predict?output={output}&size=original"))
    return requests


async def largest_at_once(service: Running, bound: float) -> list[Line]:
    """Send as many of the largest images at once as are worked on, and see the most memory that takes."""
    client = Client(service.port)
    requests = largest()
    await asyncio.gather(*(client.ask(requests[number % len(requests)], 300) for number in range(16)))
    peak, rest = service.megabytes("VmHWM"), service.megabytes()
    statuses = client.answers.statuses
    return [
        Line("16 images of 50 megapixels at once: 200 or 503", str(dict(statuses)), set(statuses) <= REFUSED),
        Line(f"and never more than {bound:.0f} MB", f"{peak:.0f} MB, {rest:.0f} MB at rest", peak < bound),
    ]


async def stopped_under_load() -> list[Line]:
    """Send SIGTERM while clients ask."""
    with running() as service:
        client = Client(service.port)
        stop = asyncio.Event()

        async def ask() -> None:
            for request in photos():
                if stop.is_set():
                    return
                await client.ask(request)
                if client.answers.statuses[0]:
                    return

        asking = [asyncio.create_task(ask()) for _ in range(12)]
        await asyncio.sleep(3)
        ending = asyncio.create_task(asyncio.to_thread(service.stop))
        # A client that has no answer on an open connection has lost a request; one that can't connect has not.
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*asking)
        took = await ending
        lost = client.lost
    return [
        Line("SIGTERM under load loses no request", f"{lost} of {client.answers.statuses.total()} lost", lost == 0),
        Line("and ends within 60 s, status 0", f"{took:.1f} s, {service.process.returncode}", took < 60),
    ]


async def killed_worker(service: Running) -> list[Line]:
    """Kill the worker, and see another come."""
    [worker] = service.workers
    os.kill(worker, signal.SIGKILL)
    await asyncio.to_thread(service.wait_until, False)
    took = await asyncio.to_thread(service.wait_until, True)
    return [Line("a killed worker is replaced and ready again", f"after {took:.1f} s", service.workers != [worker])]


async def broken_session(fault: str, timeout: int) -> list[Line]:
    """Break the session, and see it replaced."""
    file = io.BytesIO()
    Image.new("RGB", (600, 3)).save(file, "PNG")
    with running("benchmarks/faulty_server.py", FAULT=fault, REQUEST_TIMEOUT=str(timeout)) as service:
        client = Client(service.port)
        asked = asyncio.create_task(client.ask(post(form(file.getvalue()))))
        unready = await asyncio.to_thread(service.wait_until, False)
        again = await asyncio.to_thread(service.wait_until, True)
        status, _ = await asked
        good, _ = await client.ask(next(photos()))
    return [
        Line(
            f"a session that {fault}s: readiness off, a new one, and 503 for its requests",
            f"off after {unready:.1f} s, ready {again:.1f} s later, {status}",
            status == 503 and good == 200,
        )
    ]


async def bad_clients(timeout: int) -> list[Line]:
    """Connect like clients that are slow, gone or broken, and see whom that keeps waiting."""
    with running(REQUEST_TIMEOUT=str(timeout)) as service:
        request = next(photos())
        began = time.monotonic()
        ended: list[float] = []

        async def slow(start: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(start)
            with contextlib.suppress(OSError):
                while not reader.at_eof() and time.monotonic() < began + 10 * timeout:
                    writer.write(b"a")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            await reader.read(1000)
            ended.append(time.monotonic() - began)
            writer.close()

        async def gone(start: bytes, reset: bool) -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(start)
            await writer.drain()
            if reset:
                writer.transport.abort()
            writer.close()

        half = request[: len(request) // 2]
        slow_ones = [asyncio.create_task(slow(start)) for start in [half, b"POST /model/predict HTTP/1.1\r\nA"] * 50]
        for reset in (True, False):
            await asyncio.gather(*(gone(start, reset) for start in (half, request, b"GET /") for _ in range(20)))
        client, health = Client(service.port), Client(service.port)
        while not all(task.done() for task in slow_ones):
            await client.ask(request)
            for _ in range(5):
                await health.ask(get("/health/ready"))
                await asyncio.sleep(0.05)
        statuses = client.answers.statuses | health.answers.statuses
        worst = max(health.answers.seconds[200])
    return [
        Line(
            "100 slow clients and 120 that go away keep nobody waiting",
            f"{dict(statuses)}, health at most {1000 * worst:.0f} ms",
            set(statuses) == {200} and worst < 0.5,
        ),
        Line(
            f"and are left after {timeout} s (REQUEST_TIMEOUT) and a few",
            f"{max(ended):.1f} s",
            max(ended) < timeout + 5,
        ),
    ]


def bad_graphs() -> list[Line]:
    """Start the service with graphs that are none."""
    whole = next((ROOT / "assets").glob("*.pb")).read_bytes()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("missing", None), ("truncated", whole[: len(whole) // 2]), ("wrong", b"not a graph")):
            path = Path(folder) / f"{name}.pb"
            if content is not None:
                path.write_bytes(content)
            started = subprocess.run(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=os.environ | {"MODEL_PATH": str(path), "PORT": "0" if content is None else "5999"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            said = [line for line in started.stderr.splitlines() if line.startswith("error: ")]
            clear = len(said) == 1 and "Traceback" not in started.stderr and started.returncode != 0
            lines.append(Line(f"a {name} graph ends the start with one line", f"{len(said)} line", clear))
    return lines


async def soak(short: bool) -> list[Line]:
    """Return all promises."""
    lines: list[Line] = []

    def tell(new: list[Line]) -> None:
        for line in new:
            print(f"| {line.promise} | {line.measured} | {'yes' if line.kept else '**no**'} |", flush=True)
        lines.extend(new)

    print("| promise | measured | kept |\n| --- | --- | --- |", flush=True)
    with running() as service:
        tell(await load(service, 20 if short else 120))
        tell(await memory(service, 300 if short else 3000))
        tell(await killed_worker(service))
    if not short:
        with running() as service:
            tell(await largest_at_once(service, 3000))
    tell(await stopped_under_load())
    for fault in ("hang", "fail"):
        tell(await broken_session(fault, 3))
    tell(await bad_clients(3))
    tell(bad_graphs())
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="as CI does it")
    short = parser.parse_args().short
    lines = asyncio.run(soak(short))
    if broken := [line.promise for line in lines if not (line.kept or (short and not line.judged_short))]:
        sys.exit(f"{len(broken)} of {len(lines)} promises were not kept: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
