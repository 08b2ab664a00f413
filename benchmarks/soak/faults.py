"""Faults of the service: a worker that is stopped or killed, a broken session, a broken graph file."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from benchmarks.soak.checks import Check, photos, predict_request
from core.weights.registry import MOBILE
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.service import ServiceProcess, refused_start, running_service, started_service

PENDING = 8
FAULTY_SERVER = (sys.executable, "-m", "benchmarks.soak.faulty_server")


def check_start() -> list[Check]:
    """Start the service and measure the time until it is ready."""
    with started_service() as service:
        seconds = service.wait_until(ready=True)
    return [Check("ready within 30 s of its start", f"{seconds:.1f} s", seconds < 30, judged_short=False)]


async def check_stop_under_load() -> list[Check]:
    """Send SIGTERM while each of 12 clients sends one request after the other, until it is told to stop."""
    with running_service() as service:
        client = Client(service.port)

        async def ask() -> None:
            for request in photos():
                response = await client.ask(request)
                # A load balancer, which learns that the service is not ready, sends no more either.
                if response.status_code == 0 or response.headers.get("Connection") == "close":
                    return

        asking = [asyncio.create_task(ask()) for _ in range(12)]
        await asyncio.sleep(3)
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(service.stop))
        # A request without an answer is lost only if its connection was open: Client.lost counts those.
        await asyncio.gather(*asking)
        status = await stopping
        seconds = time.monotonic() - began
    total = client.answers.statuses.total()
    return [
        Check(
            "SIGTERM under load loses no request of clients that stop when told",
            f"{client.lost} of {total} lost",
            client.lost == 0,
        ),
        Check("the service ends within 60 s of SIGTERM, status 0", f"{seconds:.1f} s, {status}", seconds < 60),
    ]


async def check_stop_of_pending_requests() -> list[Check]:
    """Send SIGTERM while eight requests are pending and four are half received, on connections of their own."""
    request = next(photos())
    half = len(request) // 2
    with running_service() as service:
        pairs = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(12)]
        for number, (_, writer) in enumerate(pairs):
            writer.write(request if number < PENDING else request[:half])
        await asyncio.sleep(0.5)
        service.process.terminate()
        unready = await asyncio.to_thread(service.wait_until, ready=False)
        for _, writer in pairs[PENDING:]:
            writer.write(request[half:])
        answered = sum([(await reader.read()).startswith(b"HTTP/1.1 200 ") for reader, _ in pairs])
        status = await asyncio.to_thread(service.process.wait)
    return [
        Check(
            "SIGTERM loses none of 8 pending and 4 half received requests, and readiness ends first",
            f"{answered} of {len(pairs)} answered, not ready after {unready:.2f} s, status {status}",
            answered == len(pairs) and status == 0,
        )
    ]


async def check_killed_worker(service: ServiceProcess) -> list[Check]:
    """Send SIGKILL to the worker, and wait for another one."""
    [worker] = service.workers
    os.kill(worker, signal.SIGKILL)
    await asyncio.to_thread(service.wait_until, ready=False)
    seconds = await asyncio.to_thread(service.wait_until, ready=True)
    return [Check("a killed worker is replaced and ready again", f"after {seconds:.1f} s", service.workers != [worker])]


async def check_broken_session(fault: str, timeout: int) -> list[Check]:
    """Break the session with `fault`, "hang" or "fail", and wait for a new one."""
    trigger = predict_request(encode(Image.new("RGB", (600, 3))))
    with running_service(FAULTY_SERVER, FAULT=fault, REQUEST_TIMEOUT=str(timeout)) as service:
        client = Client(service.port)
        asked = asyncio.create_task(client.ask(trigger))
        unready = await asyncio.to_thread(service.wait_until, ready=False)
        again = await asyncio.to_thread(service.wait_until, ready=True)
        broken = (await asked).status_code
        good = (await client.ask(next(photos()))).status_code
    return [
        Check(
            f"a session that {fault}s: not ready, a new session, and 503 for the requests until then",
            f"not ready after {unready:.1f} s, ready {again:.1f} s later, {broken}",
            broken == 503 and good == 200,
        )
    ]


def check_bad_graphs() -> list[Check]:
    """Start the service with a missing, a truncated and a wrong graph file."""
    whole = MOBILE.read_bytes()
    checks = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("missing", None), ("truncated", whole[: len(whole) // 2]), ("wrong", b"not a graph")):
            path = Path(folder) / f"{name}.pb"
            if content is not None:
                path.write_bytes(content)
            try:
                message, kept = refused_start(MODEL_PATH=str(path)), True
            except AssertionError as error:
                message, kept = str(error), False
            clear = kept and path.name in message
            checks.append(Check(f"a {name} graph ends the start with one line", "1 line" if clear else message, clear))
    return checks
