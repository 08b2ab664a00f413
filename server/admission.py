"""Answers that are given before Flask: to a photo that can't be segmented now, and to what is not HTTP.

Flask would refuse a photo in the same words (see predict.py). Here the main thread does, by the request's head alone:
what a crowd is refused with is taken from those who are let in, and a thread's turns would take more than the refusal.
"""

import re
import socket
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple

import orjson
from flask import Flask

from api import logs, security
from api.metrics import UNKNOWN, Metrics
from server.deadlines import Connection
from core.errors import Unavailable
from core.model import ModelWrapper

PATH = "/model/predict"
# A head in the plain form that clients give it. What has any other is left to gunicorn, which knows all of HTTP.
PLAIN = re.compile(rb"POST (%b(?:\?[!-~]*)?) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: [ -~]*\r\n)*)\r\n" % PATH.encode())
SIZE = re.compile(r"\d{1,15}", re.ASCII)
# With one of these there is more to say than no, or another way of saying it: that is Flask's.
MORE_TO_SAY = {"origin", "expect", "transfer-encoding"}


class Head(NamedTuple):
    """The head of a request: its `size` in bytes, its target, and its headers, with their names in lower case."""

    size: int
    target: str
    headers: dict[str, str]

    @property
    def body_size(self) -> int:
        """How many bytes follow it."""
        return int(self.headers.get("content-length", 0))

    @property
    def is_last(self) -> bool:
        """Whether the client sends no other one on its connection."""
        return self.headers.get("connection", "").lower() == "close"


def plain(data: bytes) -> Head | None:
    """Return the head that `data` begins with; None where it is for others to understand."""
    found = PLAIN.match(data)
    if not found:
        return None
    lines = [line.partition(": ") for line in found[2].decode().splitlines()]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    # Of two with one name, it takes more to know which counts.
    if len(headers) < len(lines) or not SIZE.fullmatch(headers.get("content-length", "0")):
        return None
    if headers.keys() & MORE_TO_SAY:
        return None
    return Head(found.end(), found[1].decode(), headers)


class Refusal:
    """Says no to photos for `app`, as its model and `key`, its API_KEY, demand."""

    def __init__(self, app: Flask, key: str) -> None:
        self._key = key
        self._most: int = app.config["MAX_CONTENT_LENGTH"]
        self._model: ModelWrapper = app.extensions["model"]
        self._metrics: Metrics = app.extensions["metrics"]

    def refuse(self, conn: Connection, *, last: bool = False) -> bool:
        """Answer the photo that comes on `conn`, if it can't be segmented now; return whether that was so.

        Where it was not, nothing has been taken from the connection. `last`: there is no room for another request on
        it. Raises OSError where the client does not read its answers.
        """
        try:
            self._model.check()
        except Unavailable as error:
            head = plain(conn.peek())
            if head is None or (self._key and not security.is_key(head.headers.get("x-api-key", ""), self._key)):
                return False
            last = last or head.body_size > self._most or head.is_last
            self._answer(conn, head, error, last=last)
            return True
        return False

    def _answer(self, conn: Connection, head: Head, error: Unavailable, *, last: bool) -> None:
        began = monotonic()
        request_id = logs.request_id(head.headers.get(logs.HEADER.lower(), ""))
        headers = {
            "Connection": "close" if last else "keep-alive",
            "Retry-After": str(error.retry_after),
            logs.HEADER: request_id,
        }
        status, body = HTTPStatus.SERVICE_UNAVAILABLE, body_of(str(error))
        conn.answer(answer_of(status, body, PATH, headers), head.size + head.body_size, last=last)
        seconds = monotonic() - began
        self._metrics.count_request("POST", PATH, status, seconds)
        logs.Access(request_id, conn.client[0], "POST", head.target, status.value, len(body), 1000 * seconds).log()


def refuse_unread(metrics: Metrics, sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what is not HTTP enough to be understood. It is called by gunicorn, which knows the `reason`."""
    if status == HTTPStatus.NOT_IMPLEMENTED:
        # A transfer coding that nobody has: the request's fault, not the service's.
        status = HTTPStatus.BAD_REQUEST
    metrics.count_request("", UNKNOWN, status, 0)
    body = body_of(message or reason)
    headers = {"Connection": "close", logs.HEADER: logs.new_id()}
    sock.sendall(answer_of(HTTPStatus(status), body, "", headers))


def body_of(message: str) -> bytes:
    """Return the body of an error's answer, as the application would write it."""
    return orjson.dumps({"message": message}, option=orjson.OPT_APPEND_NEWLINE)


def answer_of(status: HTTPStatus, body: bytes, path: str, headers: Mapping[str, str]) -> bytes:
    """Return a whole answer with `body`, `headers` and the headers that the application's answers at `path` have."""
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in (own | dict(headers) | security.headers(path)).items()]
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{''.join(lines)}\r\n".encode() + body
