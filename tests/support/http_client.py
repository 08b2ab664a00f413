"""Builds HTTP requests byte by byte, and sends them on plain sockets."""

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any

from requests.structures import CaseInsensitiveDict

from tests.support.service import TIMEOUT, ServiceProcess

BOUNDARY = "x"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
DISPOSITION = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"'
IMAGE_HEAD = f'{DISPOSITION}; filename="photo"\r\n\r\n'.encode()
GZIP = "Accept-Encoding: gzip"


def form(photo: bytes, file_name: str | None = "photo") -> bytes:
    """Return the body of a multipart form with `photo` in its field image; as text, without a file name."""
    head = DISPOSITION + (f'; filename="{file_name}"' if file_name else "") + "\r\n\r\n"
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


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
    service: ServiceProcess,
    rest: bytes,
    start: bytes = b"POST /model/predict HTTP/1.1\r\nHost: a\r\n",
    *,
    last: bool = False,
) -> Response:
    """Send `start` and `rest`, bytes that an HTTP client would not send, on a new connection; return the response.

    With `last`, send the end of the stream, too, which counts as a disconnect.
    """
    with connect(service) as connection:
        return exchange(connection, start + rest, last=last)
