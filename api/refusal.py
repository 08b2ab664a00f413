"""Answers that are given before Flask: to a photo that can't be segmented now, and to what is not HTTP.

Flask would refuse a photo in the same words (see predict.py), at three times the CPU: what a crowd is refused with is
taken from those who are let in.
"""

import socket
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any

import orjson
from flask import Flask

from api import logs, security
from api.memory import discard
from api.metrics import UNKNOWN, Metrics
from core.errors import Unavailable
from core.model import ModelWrapper

PATH = "/model/predict"
# With one of these there is more to say than no, or another way of saying it: that is Flask's.
MORE_TO_SAY = {"ORIGIN", "EXPECT", "TRANSFER-ENCODING"}


class Refusal:
    """Says no to photos for `app`, as its model and `key`, its API_KEY, demand."""

    def __init__(self, app: Flask, key: str) -> None:
        self._key = key
        self._model: ModelWrapper = app.extensions["model"]
        self._metrics: Metrics = app.extensions["metrics"]

    def reason(self, request: Any) -> Unavailable | None:
        """Return why the photo that gunicorn's `request` brings can't be segmented; None where it is not for us."""
        if request.path != PATH or request.method != "POST":
            return None
        if any(name in MORE_TO_SAY for name, _ in request.headers):
            return None
        if self._key and not security.is_key(header(request, "X-API-KEY"), self._key):
            return None
        try:
            self._model.check()
        except Unavailable as error:
            return error
        return None

    def answer(self, error: Unavailable, request: Any, sock: socket.socket, client: Any) -> bool:
        """Answer the `request` that came from `client` on `sock`; return whether another one may follow there."""
        began = monotonic()
        keep = not request.should_close() and discard(request.body)
        request_id = logs.request_id(header(request, logs.HEADER.upper()))
        headers = {
            "Connection": "keep-alive" if keep else "close",
            "Retry-After": str(error.retry_after),
            logs.HEADER: request_id,
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE
        size = write(sock, status, str(error), PATH, headers)
        seconds = monotonic() - began
        self._metrics.count_request("POST", PATH, status, seconds)
        logs.Access(request_id, client[0], "POST", request.uri, status.value, size, 1000 * seconds).log()
        return keep


def header(request: Any, name: str) -> str:
    """Return the header `name`, in capitals, of gunicorn's `request`: one as it is, none as "", several joined."""
    return ",".join(value for found, value in request.headers if found == name)


def refuse_unread(metrics: Metrics, sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what is not HTTP enough to be understood. It is called by gunicorn, which knows the `reason`."""
    if status == HTTPStatus.NOT_IMPLEMENTED:
        # A transfer coding that nobody has: the request's fault, not the service's.
        status = HTTPStatus.BAD_REQUEST
    metrics.count_request("", UNKNOWN, status, 0)
    write(sock, HTTPStatus(status), message or reason, "", {"Connection": "close", logs.HEADER: logs.new_id()})


def write(sock: socket.socket, status: HTTPStatus, message: str, path: str, headers: Mapping[str, str]) -> int:
    """Write an error's answer, in the form of those of the application at `path`; return the size of its body."""
    body = orjson.dumps({"message": message}, option=orjson.OPT_APPEND_NEWLINE)
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    head = [f"{name}: {value}\r\n" for name, value in (own | dict(headers) | security.headers(path)).items()]
    sock.sendall(f"HTTP/1.1 {status.value} {status.phrase}\r\n{''.join(head)}\r\n".encode() + body)
    return len(body)
