"""The load generator: sends many HTTP requests at once with little CPU, and counts the responses."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from requests.structures import CaseInsensitiveDict

from tests.support.http_client import Response
from tests.support.service import TIMEOUT


@dataclass
class Answers:
    """The number of responses by status, and the seconds that each took. Status 0 is a request without a response."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        """Count a response."""
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)

    def percentile(self, share: float, status: int = 200) -> float:
        """Return the seconds within which `share` of the responses with `status` came; NaN if there are none."""
        ordered = sorted(self.seconds.get(status, []))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


class Client:
    """Sends requests to one server, on as many keep-alive connections as there are requests at once.

    `timeout` is that of a request, in seconds. Responses are counted in `answers`.
    """

    def __init__(self, port: int, answers: Answers | None = None, timeout: float = TIMEOUT) -> None:
        self.answers = Answers() if answers is None else answers
        self.lost = 0  # requests that were sent on an open connection and got no response
        self._port = port
        self._timeout = timeout
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> Response:
        """Return the response to `request`, and count it."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._ask(request)
        except (OSError, EOFError, ValueError) as error:
            response = Response(0, error=repr(error))
        self.answers.add(response.status_code, time.monotonic() - began)
        return response

    async def _ask(self, request: bytes) -> Response:
        reader, writer = await self._connection()
        self.lost += 1
        try:
            writer.write(request)
            await writer.drain()
            response = await _read(reader)
        except BaseException:
            writer.close()
            raise
        self.lost -= 1
        if response.headers.get("Connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return response

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return an idle connection that the server has not closed, or a new one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)

    async def closed_loop(self, requests: Iterator[bytes], clients: int, seconds: float = math.inf) -> float:
        """Let `clients` send one request after the other, until `requests` or the `seconds` are over.

        After a 503 a client waits for as long as Retry-After says. Return how many requests were answered 200 per
        second.
        """
        began = time.monotonic()
        good = 0

        async def send_all() -> None:
            nonlocal good
            while time.monotonic() < began + seconds and (request := next(requests, None)):
                response = await self.ask(request)
                good += response.status_code == HTTPStatus.OK
                if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                    await asyncio.sleep(float(response.headers.get("Retry-After", 1)))

        await asyncio.gather(*(send_all() for _ in range(clients)))
        return good / (time.monotonic() - began)

    async def open_loop(self, requests: Iterator[bytes], rate: float, seconds: float) -> None:
        """Send `rate` requests per second for `seconds`, without waiting for the responses to earlier ones."""
        began = time.monotonic()
        tasks = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - time.monotonic())
            tasks.append(asyncio.create_task(self.ask(next(requests))))
        await asyncio.gather(*tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the idle connections."""
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> Response:
    """Read a response with a Content-Length, or one that ends with its connection. Raises EOFError or ValueError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip("\r\n").split("\r\n")
    headers = CaseInsensitiveDict[str](dict(line.split(": ", 1) for line in lines))
    length = headers.get("Content-Length")
    body = await (reader.read() if length is None else reader.readexactly(int(length)))
    return Response(int(status.split()[1]), headers, body)
