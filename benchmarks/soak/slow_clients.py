"""Thousands of slow clients at once, for a minute each kind: they must not delay others, and must be let go.

2,000 clients that send nothing, half a head or half a body, each a byte every 5 seconds, and 500 that never read a
response of a megabyte. A client whose connection is closed connects again. Meanwhile a normal client sends one photo
after the other, and another one asks /health/live.
"""

import asyncio
import itertools
import resource
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.options import argument_parser
from benchmarks.soak.checks import Check, photos, predict_request
from tests.support.http_client import get
from tests.support.load_generator import Client
from tests.support.paths import CHELSEA
from tests.support.processes import open_files, threads
from tests.support.service import ServiceProcess, running_service

SECONDS, REQUEST_TIMEOUT = 60, 30
# Seconds between two bytes of a slow client, and those that its connection may outlive its deadline.
INTERVAL, GRACE = 5.0, 6.0
MANY, FEW = 2000, 500
BODY = predict_request(CHELSEA.read_bytes())
HEALTH, LARGE = get("/health/live"), get("/swaggerui/swagger-ui-bundle.js")


@dataclass(frozen=True)
class Kind:
    """A kind of slow clients: how many, what each sends at once, and whether it reads and goes on sending."""

    name: str
    clients: int
    start: bytes
    reads: bool = True


HALF_BODY = Kind("send half a body", MANY, BODY[: len(BODY) // 2])
KINDS = (
    Kind("send nothing", MANY, b""),
    Kind("send half a head", MANY, b"POST /model/predict HTTP/1.1\r\nHost: a\r\nX"),
    HALF_BODY,
    Kind("never read", FEW, LARGE, reads=False),
)


@dataclass
class Latency:
    """What normal clients get: the statuses, and the medians in milliseconds."""

    statuses: dict[int, int]
    predict: float
    health: float


@dataclass
class Slow:
    """The slow clients of one kind; `seconds` are the lives of the connections that the service closed."""

    kind: Kind
    port: int
    end: float
    seconds: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Connect again and again until the end."""
        while time.monotonic() < self.end:
            began = time.monotonic()
            with suppress(OSError):
                await self._connect()
            if time.monotonic() < self.end:
                self.seconds.append(time.monotonic() - began)

    async def _connect(self) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            if not self.kind.reads:
                # A small window, so that most of the response stays with the service.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(sock, ("127.0.0.1", self.port))
            await loop.sock_sendall(sock, self.kind.start)
            while self.kind.reads and time.monotonic() < self.end:
                with suppress(TimeoutError):
                    async with asyncio.timeout(INTERVAL):
                        if not await loop.sock_recv(sock, 1000):
                            return
                if self.kind.start:
                    await loop.sock_sendall(sock, b"a")
            await asyncio.sleep(self.end - time.monotonic())


async def seconds_until_closed(pid: int, connections: int) -> float:
    """Return the seconds from the opening of `connections` in a process to its closing of nearly all of them.

    The client of a connection does not see that it was closed if it reads nothing.
    """
    while open_files(pid) < connections:
        await asyncio.sleep(0.05)
    began = time.monotonic()
    while open_files(pid) > connections / 2:
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def latency(port: int, seconds: float) -> Latency:
    """Return what a normal client and a prober get for `seconds`."""
    async with Client(port) as client, Client(port) as prober:

        async def probe() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await prober.ask(HEALTH)
                await asyncio.sleep(0.1)

        await asyncio.gather(client.closed_loop(itertools.repeat(next(photos())), 1, seconds), probe())
        statuses = dict(client.answers.statuses + prober.answers.statuses)
        return Latency(statuses, 1000 * client.answers.percentile(0.5), 1000 * prober.answers.percentile(0.5))


async def peak_memory(service: ServiceProcess, seconds: float) -> float:
    """Return the largest resident memory of the service in `seconds`, in MB."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(service.memory_megabytes())
        await asyncio.sleep(0.5)
    return max(found)


async def check_kind(kind: Kind, seconds: float, timeout: int) -> list[Check]:
    """Start the service and let clients of `kind` disturb it for `seconds`."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with running_service(REQUEST_TIMEOUT=str(timeout)) as service:
        await latency(service.port, 3)
        seconds_alone = max(5, seconds / 4)
        alone, before = await asyncio.gather(latency(service.port, seconds_alone), peak_memory(service, seconds_alone))
        slow = Slow(kind, service.port, time.monotonic() + seconds)
        running = [asyncio.create_task(slow.run()) for _ in range(kind.clients)]
        closing = asyncio.create_task(seconds_until_closed(service.workers[0], kind.clients))
        during, peak = await asyncio.gather(latency(service.port, seconds - 1), peak_memory(service, seconds - 1))
        count = sum(threads(pid) for pid in (service.process.pid, *service.workers))
        await asyncio.gather(*running)
        longest = max(slow.seconds, default=0) if kind.reads else await asyncio.wait_for(closing, 1)
        closing.cancel()
    # The service has to keep what it has received of a body.
    sent = kind.clients * len(kind.start) / 1e6
    measured = (
        f"{during.statuses}; predict p50 {during.predict:.0f} ms, alone {alone.predict:.0f}; "
        f"health p50 {during.health:.1f} ms, alone {alone.health:.1f}; {peak - before:+.0f} MB, {count} threads; "
        f"they sent {sent:.0f} MB"
    )
    is_calm = during.predict < 2 * alone.predict and during.health < 2 * alone.health
    return [
        Check(
            f"{kind.clients:,} clients that {kind.name}: others' p50 within 2 x, memory +100 MB and what they sent",
            measured,
            set(during.statuses) == {200} and is_calm and peak - before < 100 + sent,
            judged_short=False,
        ),
        Check(
            f"clients that {kind.name} are let go {timeout} s (REQUEST_TIMEOUT) after they connect",
            f"all after {longest:.1f} s",
            timeout - 1 < longest < timeout + GRACE,
        ),
    ]


async def check_slow_clients(seconds: float = SECONDS, timeout: int = REQUEST_TIMEOUT) -> list[Check]:
    """Measure each kind of slow clients."""
    return [check for kind in KINDS for check in await check_kind(kind, seconds, timeout)]


def main() -> None:
    parser = argument_parser("benchmarks.soak.slow_clients", __doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each kind; default: {SECONDS}")
    parser.add_argument("--timeout", type=int, default=REQUEST_TIMEOUT, help=f"default: {REQUEST_TIMEOUT}")
    arguments = parser.parse_args()
    print("| promise | measured | kept |\n| --- | --- | --- |")
    for check in asyncio.run(check_slow_clients(arguments.seconds, arguments.timeout)):
        print(check.row, flush=True)


if __name__ == "__main__":
    main()
