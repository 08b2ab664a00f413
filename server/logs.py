"""The log: one line for each answer and for each event, as text or JSON, with the id of its request."""

import logging
import random
import re
import sys
import time
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from flask import Flask, Response, g, has_request_context, request
from gunicorn.glogging import Logger as GunicornLogger

from core.types import LogFormat

HEADER = "X-Request-ID"
# An id from a proxy in front is kept, if it can't be taken for anything else in a log.
ALLOWED_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
# What would do something to the terminal that a log is read in.
CONTROL = re.compile(r"[^\x20-\x7e]")

access = logging.getLogger("access")


class Access(NamedTuple):
    """What an access line tells: who asked for what, and what came of it. Nothing of what was sent or found."""

    request_id: str
    remote: str
    method: str
    path: str
    status: int
    bytes: int
    milliseconds: float

    def log(self) -> None:
        """Write the line; in JSON, each field is one beside the message too."""
        path = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", self.path)
        milliseconds = round(self.milliseconds, 1)
        message = f"{self.remote} {self.method} {path} {self.status} {self.bytes} bytes {milliseconds} ms"
        access.info(message, extra=self._asdict() | {"path": path, "milliseconds": milliseconds})


def install(app: Flask) -> None:
    """Give each request of `app` an id, the client's own or a new one, and tell it in the answer."""

    @app.before_request
    def begin() -> None:
        g.request_id = request_id(request.headers.get(HEADER, ""))

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers[HEADER] = g.request_id
        return response


def request_id(given: str) -> str:
    """Return the id of a request that was `given` one, or none: that one where it is allowed, else a new one."""
    return given if ALLOWED_ID.fullmatch(given) else new_id()


def new_id() -> str:
    """Return an id that no other request has."""
    return f"{random.getrandbits(128):032x}"


class JsonFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in Access._fields if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """A record as one line for people; a traceback follows it."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s %(message)s%(about)s", "%Y-%m-%d %H:%M:%S %z")

    def format(self, record: logging.LogRecord) -> str:
        request_id = getattr(record, "request_id", "")
        record.about = f" [{request_id}]" if request_id else ""
        return super().format(record)


class Handler(logging.StreamHandler[Any]):
    """Writes to the stream of its time, with the id of the request that is being answered."""

    def __init__(self, format_: LogFormat, stream: Any) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, "request_id") and has_request_context():
            record.request_id = g.get("request_id", "")
        super().emit(record)


def configure(format_: LogFormat) -> None:
    """Send everything that is logged to standard error in `format_`, and accesses to standard output."""
    # What no line here shows is not looked up for each: logging's own way to be fast.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, handlers=[Handler(format_, sys.stderr)], force=True)
    access.handlers, access.propagate = [Handler(format_, sys.stdout)], False


class Logger(GunicornLogger):
    """gunicorn's logger, in the service's one form."""

    def setup(self, cfg: Any) -> None:
        """Leave it to configure() where records go."""
        self.cfg = cfg
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.INFO)

    def access(self, response: Any, request: Any, environ: dict[str, Any], took: timedelta) -> None:
        """Log an answer of the application's."""
        Access(
            request_id=dict(response.headers).get(HEADER, ""),
            remote=environ.get("REMOTE_ADDR", ""),
            method=environ["REQUEST_METHOD"],
            path=environ["RAW_URI"],
            status=int(str(response.status).split()[0]),
            bytes=response.sent,
            milliseconds=took.total_seconds() * 1000,
        ).log()
