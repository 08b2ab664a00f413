"""Builds HTTP requests byte by byte, and sends many of them with little CPU: the load generator."""

import asyncio
import json
import math
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Any

from requests.structures import CaseInsensitiveDict

from tests.support.service import TIMEOUT, ServiceProcess

BOUNDARY = "x"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
IMAGE_HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo"\r\n\r\n'.encode()
GZIP = "Accept-Encoding: gzip"


def form(photo: bytes) -> bytes:
    """Return the body of a multipart form with `photo` in its field image."""
    return IMAGE_HEAD + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(photo: bytes) -> dict[str, Any]:
    """Return the arguments with which Flask's test client posts `photo`.

    The test client's own encoder leaves a temporary file open for a form of more than 500 KB.
    """
    return {"data": form(photo), "content_type": FORM_TYPE}


def get(path: str) -> bytes:
    """Return a whole GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(body: bytes, path: str = "/model/predict", *headers: str, length: int | None = None) -> bytes:
    """Return a whole POST request for the form `body`, with more `headers`; `length` replaces its Content-Length."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {FORM_TYPE}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Response:
    """An HTTP response; its attributes are named as those of requests.Response.

    If there was none, `status_code` is 0 and `error` says why.
    """

    status_code: int
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict)
    content: bytes = b""
    error: str = ""

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


def exchange(connection: socket.socket, request: bytes, *, last: bool = False) -> Response:
    """Send any bytes and return the response; with `last`, send the end of the stream, too."""
    connection.sendall(request)
    if last:
        connection.shutdown(socket.SHUT_WR)
    with closing(HTTPResponse(connection)) as answer:
        answer.begin()
        return Response(answer.status, CaseInsensitiveDict(answer.getheaders()), answer.read())


def connect(service: ServiceProcess) -> socket.socket:
    """Return a new connection."""
    return socket.create_connection(("127.0.0.1", service.port), TIMEOUT)


def received(connection: socket.socket) -> bytes:
    """Return the bytes that are received until the service closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def send_raw(
    service: ServiceProcess, rest: bytes, start: bytes = b"POST /model/predict HTTP/1.1\r\nHost: a\r\n"
) -> Response:
    """Send `start` and `rest`, bytes that an HTTP client would not send, on a new connection; return the response."""
    with connect(service) as connection:
        return exchange(connection, start + rest, last=True)


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

    def close(self) -> None:
        """Close the idle connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> Response:
    """Read a response with a Content-Length, or one that ends with its connection. Raises EOFError or ValueError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip("\r\n").split("\r\n")
    headers = CaseInsensitiveDict[str](dict(line.split(": ", 1) for line in lines))
    length = headers.get("Content-Length")
    body = await (reader.read() if length is None else reader.readexactly(int(length)))
    return Response(int(status.split()[1]), headers, body)
