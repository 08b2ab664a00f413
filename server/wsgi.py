"""The bridge to the Flask application: a request in the form of WSGI, as far as Werkzeug reads it (PEP 3333)."""

import math
from collections import deque
from collections.abc import Iterable
from io import RawIOBase
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import BadRequest, ExpectationFailed, RequestHeaderFieldsTooLarge, RequestURITooLarge
from werkzeug.wsgi import FileWrapper

Environ = dict[str, Any]
MAX_TARGET, MAX_HEADER = 4000, 8190  # bytes of a request's target, and of a header with its name
PIECE = 1 << 14  # bytes of a response that are sent at once; the next ones wait until the client has received some


class Body(RawIOBase):
    """A request body as a stream over its `pieces`, each of which is freed when it has been read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces: deque[bytes | memoryview] = deque(pieces)

    def readinto(self, buffer: Any, /) -> int:
        """Fill `buffer` with the next bytes; return their number, which is 0 at the end of the body."""
        if not self._pieces:
            return 0
        target, piece = memoryview(buffer), memoryview(self._pieces.popleft())
        size = min(len(target), len(piece))
        target[:size] = piece[:size]
        if size < len(piece):
            self._pieces.appendleft(piece[size:])
        return size


def environ_of(scope: Environ) -> Environ:
    """Return the WSGI environment of a request without its body. No header changes the path or the client's address."""
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": scope["server"][1],
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.url_scheme": scope["scheme"],
        # The stream ends by itself: Werkzeug then reads chunked bodies, too.
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": lambda file, _: FileWrapper(file, PIECE),
    }
    for name, value in scope["headers"]:
        # X_A would become the same variable as X-A, which a proxy may have checked.
        if b"_" not in name:
            variable = name.decode("latin-1").upper().replace("-", "_")
            variable = variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{variable}"
            text = value.decode("latin-1")
            environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
    return environ


def head_size(scope: Environ) -> float:
    """Return the bytes of a request's head as clients write it; math.inf if its body has more than its content."""
    if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
        return math.inf
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    return len(scope["method"]) + len(target) + len("  HTTP/1.1\r\n\r\n") + headers


def check_head(scope: Environ, environ: Environ) -> None:
    """Raise an HTTPException if a head that Granian's parser accepts is ambiguous or too long."""
    host = environ.get("HTTP_HOST", "")
    if "," in host or (not host and scope["http_version"] == "1.1"):
        raise BadRequest(f"Host: {host!r} can't be used; send one header Host")
    if (coding := environ.get("HTTP_TRANSFER_ENCODING", "chunked")).lower() != "chunked":
        raise BadRequest(f"Transfer-Encoding: {coding} is not served; allowed: chunked")
    if (expectation := environ.get("HTTP_EXPECT", "100-continue")).lower() != "100-continue":
        raise ExpectationFailed(f"Expect: {expectation} is not served; allowed: 100-continue")
    if (size := len(scope["raw_path"]) + len(scope["query_string"])) > MAX_TARGET:
        raise RequestURITooLarge(f"the URL has {size} characters; allowed: {MAX_TARGET}")
    if (size := max((len(name) + len(value) for name, value in scope["headers"]), default=0)) > MAX_HEADER:
        raise RequestHeaderFieldsTooLarge(f"a header has {size} characters; allowed: {MAX_HEADER}")
