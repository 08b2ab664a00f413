"""Clients that post a photo again and again and check each answer; what became of their requests."""

import random
import statistics
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Self

from urllib3 import encode_multipart_formdata

from tests.conftest import CHELSEA

CLIENTS = 8
LONGEST_PAUSE = 4
PHOTO, CONTENT_TYPE = encode_multipart_formdata({"image": ("photo.jpg", CHELSEA.read_bytes(), "image/jpeg")})


@dataclass(frozen=True)
class Request:
    """One request: when it was sent, when it ended, by time.monotonic(), and who had it."""

    sent: float
    ended: float
    replica: str
    outcome: str  # answered, refused, or else what was wrong


class Load:
    """Clients that post the photo to `port` for as long as the block lasts; `requests` grows meanwhile.

    With `pauses` every other one lets its connection idle for up to LONGEST_PAUSE seconds between two requests, which
    is longer than the service keeps one open.
    """

    def __init__(self, port: int, clients: int = CLIENTS, *, pauses: bool = True) -> None:
        self.requests: list[Request] = []
        self._port = port
        self._over = threading.Event()
        self._right = b""
        self._threads = [
            threading.Thread(target=self._post, args=[LONGEST_PAUSE * (pauses and number % 2)])
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        with closing(self._connect()) as connection:
            _, _, self._right = self._ask(connection)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=90)

    def _post(self, longest_pause: float) -> None:
        connection = self._connect()
        while not self._over.is_set():
            sent, replica = time.monotonic(), ""
            try:
                status, replica, body = self._ask(connection)
                outcome = self._outcome(status, body)
            except (OSError, HTTPException) as error:
                connection.close()
                outcome = repr(error)
            self.requests.append(Request(sent, time.monotonic(), replica, outcome))
            pause = 1 if outcome != "answered" else random.uniform(0, longest_pause)  # noqa: S311
            self._over.wait(pause)
        connection.close()

    def _ask(self, connection: HTTPConnection) -> tuple[int, str, bytes]:
        connection.request("POST", "/model/predict?output=mask", PHOTO, {"Content-Type": CONTENT_TYPE})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("X-Replica", ""), answer.read()

    def _outcome(self, status: int, body: bytes) -> str:
        if status == HTTPStatus.OK:
            return "answered" if body == self._right else "another mask"
        # HAProxy has a 503 too, for no replica at all; that one is HTML.
        return "refused" if status == HTTPStatus.SERVICE_UNAVAILABLE and body.startswith(b"{") else f"status {status}"


@dataclass(frozen=True)
class Count:
    """What became of requests."""

    sent: int
    answered: int
    refused: int
    lost: list[Request]
    p50: float
    p99: float

    @classmethod
    def of(cls, all_: list[Request]) -> "Count":
        outcomes = [request.outcome for request in all_]
        lost = [request for request in all_ if request.outcome not in ("answered", "refused")]
        percentiles = statistics.quantiles([1000 * (request.ended - request.sent) for request in all_], n=100)
        return cls(
            len(all_), outcomes.count("answered"), outcomes.count("refused"), lost, percentiles[49], percentiles[98]
        )

    def __str__(self) -> str:
        return (
            f"| {self.sent} | {self.answered} | {self.refused} | {len(self.lost)} | {self.p50:.0f} | {self.p99:.0f} |"
        )
