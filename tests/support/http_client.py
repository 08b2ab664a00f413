"""A light HTTP client for measuring under load: it takes so little CPU that the service has the rest."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

BOUNDARY = "segmenter"


def form(photo: bytes) -> bytes:
    """Return the body of a multipart form with `photo` as its field image."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo"\r\n\r\n'
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(body: bytes, path: str = "/model/predict") -> bytes:
    """Return a whole request with the form `body`."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str) -> bytes:
    """Return a whole request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@dataclass
class Answers:
    """What came of many requests: how often each status, 0 for no answer at all, and the seconds each took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)

    def percentile(self, share: float, status: int = 200) -> float:
        """Return the seconds within which the `share` of the answers with `status` came; NaN where there are none."""
        ordered = sorted(self.seconds.get(status, []))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Client:
    """Keep-alive connections to one service, as many as are needed at once."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answers = Answers()
        self.lost = 0  # requests without an answer on a connection that had been accepted

    async def ask(self, request: bytes, timeout: float = 120) -> tuple[int, bytes]:
        """Return the status and the body of the answer to `request`, status 0 where there is none; count it."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                status, body = await self._ask(request)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            status, body = 0, b""
        self.answers.add(status, time.monotonic() - began)
        return status, body

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(*self._address, limit=2**20)
        self.lost += 1
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self.lost -= 1
        if "\r\nconnection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split()[1]), body

    async def closed_loop(self, requests: Iterator[bytes], clients: int, seconds: float) -> float:
        """Let so many `clients` ask one request after the other; return how many were answered 200 each second."""
        began = time.monotonic()
        good = 0

        async def one() -> None:
            nonlocal good
            while time.monotonic() < began + seconds:
                status, _ = await self.ask(next(requests))
                good += status == 200

        await asyncio.gather(*(one() for _ in range(clients)))
        return good / (time.monotonic() - began)

    async def open_loop(self, requests: Iterator[bytes], rate: float, seconds: float) -> None:
        """Ask `rate` requests each second, whatever becomes of those before."""
        began = time.monotonic()
        tasks = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - time.monotonic())
            tasks.append(asyncio.create_task(self.ask(next(requests))))
        await asyncio.gather(*tasks)

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._idle:
            writer.close()
