"""Responses that are written before Flask: 503 to a predict request that can't be served now, 400 to malformed HTTP.

Flask would write the same 503 (see api.predict). The main loop writes it from the head of the request alone: under
overload, the CPU time of rejections is lost to accepted requests, and waking a thread would take more of it.
"""

import re
import socket
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple

import orjson
from flask import Flask

from api import request_id, security
from api.metrics import UNKNOWN, Metrics
from core.errors import Unavailable
from core.model import ModelWrapper
from server.deadlines import Connection
from server.logs import AccessRecord

PATH = "/model/predict"
# The form of head that HTTP clients send. A request with any other form is left to gunicorn's parser.
PLAIN = re.compile(rb"POST (%b(?:\?[!-~]*)?) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: [ -~]*\r\n)*)\r\n" % PATH.encode())
SIZE = re.compile(r"\d{1,15}", re.ASCII)
# Requests with one of these headers need CORS, 100 (Continue) or chunked coding: they are left to Flask.
LEFT_TO_FLASK = {"origin", "expect", "transfer-encoding"}


class Head(NamedTuple):
    """The head of a request: its `size` in bytes, its target, and its headers by their names in lower case."""

    size: int
    target: str
    headers: dict[str, str]

    @property
    def body_size(self) -> int:
        """Number of bytes of the body."""
        return int(self.headers.get("content-length", 0))

    @property
    def is_last(self) -> bool:
        """Whether the client sends no other request on the connection."""
        return self.headers.get("connection", "").lower() == "close"


def parse_head(data: bytes) -> Head | None:
    """Return the head at the beginning of `data`, or None if it is not in the plain form."""
    found = PLAIN.match(data)
    if not found:
        return None
    lines = [line.partition(": ") for line in found[2].decode().splitlines()]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    # Two headers with one name need the rules of gunicorn and Flask.
    if len(headers) < len(lines) or not SIZE.fullmatch(headers.get("content-length", "0")):
        return None
    if headers.keys() & LEFT_TO_FLASK:
        return None
    return Head(found.end(), found[1].decode(), headers)


class Admission:
    """Rejects predict requests to `app` while its model is not ready or its queue is full; `key` is the API key."""

    def __init__(self, app: Flask, key: str) -> None:
        self._key = key
        self._max_body: int = app.config["MAX_CONTENT_LENGTH"]
        self._model: ModelWrapper = app.extensions["model"]
        self._metrics: Metrics = app.extensions["metrics"]

    def reject(self, conn: Connection, *, last: bool = False) -> bool:
        """Respond to the predict request on `conn` if it can't be served now; return whether that was so.

        If not, nothing has been consumed from the connection. With `last`, the connection is closed after the response.
        Raises OSError if the client does not read its responses.
        """
        try:
            self._model.check()
        except Unavailable as error:
            head = parse_head(conn.peek())
            if head is None or (self._key and not security.is_key(head.headers.get("x-api-key", ""), self._key)):
                return False
            last = last or head.body_size > self._max_body or head.is_last
            self._respond(conn, head, error, last=last)
            return True
        return False

    def _respond(self, conn: Connection, head: Head, error: Unavailable, *, last: bool) -> None:
        began_at = monotonic()
        id_ = request_id.request_id(head.headers.get(request_id.HEADER.lower(), ""))
        headers = {
            "Connection": "close" if last else "keep-alive",
            "Retry-After": str(error.retry_after),
            request_id.HEADER: id_,
        }
        status, body = HTTPStatus.SERVICE_UNAVAILABLE, error_body(str(error))
        conn.respond(response_bytes(status, body, PATH, headers), head.size + head.body_size, last=last)
        seconds = monotonic() - began_at
        self._metrics.count_request("POST", PATH, status, seconds)
        AccessRecord(id_, conn.client[0], "POST", head.target, status.value, len(body), 1000 * seconds).log()


def reject_malformed(metrics: Metrics, sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Respond to a malformed HTTP request; gunicorn calls it with its `status` and `reason`."""
    if status == HTTPStatus.NOT_IMPLEMENTED:
        # An unknown transfer coding is an error of the request, not of the service.
        status = HTTPStatus.BAD_REQUEST
    metrics.count_request("", UNKNOWN, status, 0)
    body = error_body(message or reason)
    headers = {"Connection": "close", request_id.HEADER: request_id.new_id()}
    sock.sendall(response_bytes(HTTPStatus(status), body, "", headers))


def error_body(message: str) -> bytes:
    """Return the body of an error response, as the application writes it."""
    return orjson.dumps({"message": message}, option=orjson.OPT_APPEND_NEWLINE)


def response_bytes(status: HTTPStatus, body: bytes, path: str, headers: Mapping[str, str]) -> bytes:
    """Return a whole response with `body`, `headers` and the security headers that the application adds at `path`."""
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in (own | dict(headers) | security.headers(path)).items()]
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{''.join(lines)}\r\n".encode() + body
