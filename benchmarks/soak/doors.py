"""Bodies that nobody wants, slow uplinks, idle connections, a log that nobody reads, and decoders that are killed."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress

from benchmarks.soak.checks import Check, photos
from tests.support.http_client import connect, exchange, form, get, post, received
from tests.support.load_generator import Client
from tests.support.paths import CHELSEA
from tests.support.processes import descendants, process_group
from tests.support.service import APP, ServiceProcess, free_port, running_service

KEY = "soak"
BODY, UPLINK = 30_000_000, 200_000  # bytes of an unwanted body, and of it that a slow uplink sends in a second
UNWANTED = ("/nope", "/health/live", "//model/predict", "/model/predict", "/model/nope")
UPLINK_SECONDS, IDLE_SECONDS, REQUEST_TIMEOUT = 9, 70, 5
HEALTH = get("/health/live")


async def check_unwanted_bodies() -> list[Check]:
    """Send large bodies to paths that take none, and without the key, while a client with the key sends photos."""
    with running_service(API_KEY=KEY) as service, ExitStack() as opened:
        for path in [*UNWANTED] * 4:
            connection = opened.enter_context(connect(service))
            connection.settimeout(10)
            with suppress(OSError):
                connection.sendall(post(bytes(BODY // 2), path, length=BODY))
        held = await asyncio.to_thread(service.metric, "segmenter_held_bytes")
        request = post(form(CHELSEA.read_bytes()), "/model/predict", f"X-API-Key: {KEY}")
        client = Client(service.port)
        for _ in range(20):
            await client.ask(request)
    statuses = dict(client.answers.statuses)
    return [
        Check(
            "20 bodies of 30 MB to paths that take none, or without the key, are not counted and disturb nobody",
            f"{held:.0f} bytes held, {statuses}",
            not held and set(statuses) == {200},
        )
    ]


def read_on_slow_uplink(service: ServiceProcess) -> str:
    """Return the status of a request that is refused by its head, to a client that sends on for some seconds."""
    with connect(service) as connection:
        connection.sendall(post(b"", length=BODY))
        for _ in range(10 * UPLINK_SECONDS):
            connection.sendall(bytes(UPLINK // 10))
            time.sleep(0.1)
        return connection.recv(100)[:12].decode()


async def check_connections() -> list[Check]:
    """Send a refused body slowly, and let a connection be idle; then send half a head on it."""
    with running_service(API_KEY=KEY) as service:
        status = await asyncio.to_thread(read_on_slow_uplink, service)
    with running_service(REQUEST_TIMEOUT=str(REQUEST_TIMEOUT)) as service, connect(service) as connection:
        exchange(connection, HEALTH)
        await asyncio.sleep(IDLE_SECONDS)
        idle = exchange(connection, HEALTH).status_code
        connection.sendall(HEALTH[:10])
        began = time.monotonic()
        await asyncio.to_thread(received, connection)
        seconds = time.monotonic() - began
    return [
        Check(
            f"a client whose uplink takes {UPLINK_SECONDS} s can read the answer to its refused body",
            status,
            status.endswith("401"),
        ),
        Check(
            f"a connection that was idle for {IDLE_SECONDS} s is served, with REQUEST_TIMEOUT={REQUEST_TIMEOUT}",
            str(idle),
            idle == 200,
        ),
        Check(
            f"half a head on it is closed after {REQUEST_TIMEOUT} s",
            f"{seconds:.1f} s",
            REQUEST_TIMEOUT - 1 < seconds < REQUEST_TIMEOUT + 3,
        ),
    ]


async def check_killed_decoders(service: ServiceProcess, seconds: float) -> list[Check]:
    """Kill the processes that decode again and again, while clients send photos."""
    client = Client(service.port)
    loop = asyncio.create_task(client.closed_loop(photos(), 4, seconds))
    killed = 0
    while not loop.done():
        for pid in descendants(service.workers[0]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        await asyncio.sleep(0.7)
    await loop
    after = (await client.ask(next(photos()))).status_code
    statuses = dict(client.answers.statuses)
    return [
        Check(
            "no photo is at fault for a decoder that was killed: 200 or 503",
            f"{killed} killed, {statuses}, then {after}",
            set(statuses) <= {200, 503} and killed > 0 and after == 200,
        )
    ]


def check_unread_log() -> list[Check]:
    """Send requests to a service whose log nobody reads, until it is far beyond what a pipe holds."""
    port, count = free_port(), 20_000
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port)}
    with process_group(APP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        service = ServiceProcess(process, port)
        service.wait_until(ready=True)
        answered = 0
        with socket.create_connection(("127.0.0.1", port), 30) as connection, suppress(OSError):
            for _ in range(count):
                answered += exchange(connection, HEALTH).status_code == 200
        dropped = service.metric("segmenter_log_lines_dropped_total") if answered == count else 0
        process.stdout.close()  # type: ignore[union-attr]
    return [
        Check(
            "a log that nobody reads stops no answer",
            f"{answered} of {count} answered, {dropped:.0f} lines dropped",
            answered == count,
        )
    ]
