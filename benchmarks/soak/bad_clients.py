"""Clients that are slow or disconnect, together: they must not delay other clients."""

import asyncio
import contextlib
import time

from benchmarks.soak.checks import Check, photos
from tests.support.http_client import get
from tests.support.load_generator import Client
from tests.support.service import running_service


class SlowClients:
    """Clients that send a byte every half second, so that no request of theirs ever ends.

    `seconds` are the durations until the service closed each connection.
    """

    def __init__(self, port: int, give_up: float) -> None:
        self.seconds: list[float] = []
        self._port = port
        self._give_up = give_up

    async def send(self, start: bytes) -> None:
        """Send `start`, then single bytes, until the service closes the connection or `give_up` seconds are over."""
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(start)
        with contextlib.suppress(OSError):
            while not reader.at_eof() and time.monotonic() < began + self._give_up:
                writer.write(b"a")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await reader.read(1000)
        self.seconds.append(time.monotonic() - began)
        writer.close()


async def disconnect(port: int, start: bytes, *, reset: bool) -> None:
    """Send `start` and close the connection, with `reset` by a TCP reset."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    await writer.drain()
    if reset:
        writer.transport.abort()
    writer.close()


async def check_bad_clients(timeout: int) -> list[Check]:
    """Connect slow and disconnecting clients, and measure what the others have to wait meanwhile."""
    with running_service(REQUEST_TIMEOUT=str(timeout)) as service:
        request = next(photos())
        half = request[: len(request) // 2]
        slow = SlowClients(service.port, 10 * timeout)
        sending = [asyncio.create_task(slow.send(start)) for start in [half, b"POST /model/predict HTTP/1.1\r\nA"] * 50]
        for reset in (True, False):
            # Twelve whole requests, which have places in the queue beside that of the other client.
            starts = [half, b"GET /"] * 27 + [request] * 6
            await asyncio.gather(*(disconnect(service.port, start, reset=reset) for start in starts))
        client, health = Client(service.port), Client(service.port)
        while not all(task.done() for task in sending):
            await client.ask(request)
            for _ in range(5):
                await health.ask(get("/health/ready"))
                await asyncio.sleep(0.05)
        statuses = client.answers.statuses | health.answers.statuses
        worst = max(health.answers.seconds[200])
    return [
        Check(
            "100 slow clients and 120 that disconnect delay no other client",
            f"{dict(statuses)}, health at most {1000 * worst:.0f} ms",
            set(statuses) == {200} and worst < 0.5,
        ),
        Check(
            f"slow clients are disconnected {timeout} s (REQUEST_TIMEOUT) to {timeout + 5} s after they connect",
            f"{max(slow.seconds):.1f} s",
            max(slow.seconds) < timeout + 5,
        ),
    ]
