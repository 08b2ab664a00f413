"""Clients that post a photo repeatedly and check each answer, and the outcomes of their requests."""

import asyncio
import random
import statistics
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from tests.support.http_client import Response, form, post
from tests.support.load_generator import Client
from tests.support.paths import CHELSEA

CLIENTS = 8
LONGEST_PAUSE = 4
REQUEST = post(form(CHELSEA.read_bytes()), "/model/predict?output=mask")


@dataclass(frozen=True)
class Request:
    """A request: when it was sent and when it ended, in seconds of time.monotonic(), and the replica that had it.

    `outcome` is "answered", "rejected", or a description of the error. `replica` is empty if HAProxy named none.
    """

    sent: float
    ended: float
    replica: str
    outcome: str


class PhotoClients:
    """Clients that post the photo to `port` during the block; `requests` grows meanwhile.

    With `pauses` every second client is idle for up to LONGEST_PAUSE seconds between two requests, which is longer than
    the service keeps a connection open.
    """

    def __init__(self, port: int, clients: int = CLIENTS, *, pauses: bool = True) -> None:
        self.requests: list[Request] = []
        self._port = port
        self._pauses = [LONGEST_PAUSE * (pauses and number % 2) for number in range(clients)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._post_all()))
        self._mask = b""

    def __enter__(self) -> Self:
        response = asyncio.run(self._ask_once())
        if response.status_code != HTTPStatus.OK:
            raise RuntimeError(f"the first request got {response}")
        self._mask = response.content
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    async def _ask_once(self) -> Response:
        async with Client(self._port) as client:
            return await client.ask(REQUEST)

    async def _post_all(self) -> None:
        await asyncio.gather(*(self._post(longest_pause) for longest_pause in self._pauses))

    async def _post(self, longest_pause: float) -> None:
        async with Client(self._port, timeout=90) as client:
            while not self._over.is_set():
                sent = time.monotonic()
                response = await client.ask(REQUEST)
                ended, outcome = time.monotonic(), self._outcome(response)
                self.requests.append(Request(sent, ended, response.headers.get("X-Replica", ""), outcome))
                pause = 1 if outcome != "answered" else random.uniform(0, longest_pause)  # noqa: S311 - not a secret
                while not self._over.is_set() and time.monotonic() < ended + pause:
                    await asyncio.sleep(0.02)

    def _outcome(self, response: Response) -> str:
        if response.status_code == HTTPStatus.OK:
            return "answered" if response.content == self._mask else "another mask"
        # HAProxy also answers 503, in HTML, if it has no replica. That counts as lost.
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and response.content.startswith(b"{"):
            return "rejected"
        return response.error or f"status {response.status_code}"


@dataclass(frozen=True)
class Count:
    """The number of requests by outcome, the lost ones, and percentiles of the durations in milliseconds."""

    sent: int
    answered: int
    rejected: int
    lost: list[Request]
    p50: float
    p99: float

    @classmethod
    def of(cls, requests: list[Request]) -> "Count":
        """Count `requests`, of which there must be at least two."""
        outcomes = [request.outcome for request in requests]
        percentiles = statistics.quantiles([1000 * (request.ended - request.sent) for request in requests], n=100)
        return cls(
            sent=len(requests),
            answered=outcomes.count("answered"),
            rejected=outcomes.count("rejected"),
            lost=[request for request in requests if request.outcome not in ("answered", "rejected")],
            p50=percentiles[49],
            p99=percentiles[98],
        )

    def __str__(self) -> str:
        return (
            f"| {self.sent} | {self.answered} | {self.rejected} | {len(self.lost)} | {self.p50:.0f} | {self.p99:.0f} |"
        )
