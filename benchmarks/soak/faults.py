"""What goes wrong: a worker is stopped or killed, a session hangs, clients do not behave, a graph is none."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.support.http_client import Client, form, get, post
from tests.support.service import Running, running
from benchmarks.soak.checks import Line, photos
from core.weights.registry import MOBILE
from tests.conftest import ROOT


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
    whole = MOBILE.read_bytes()
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
