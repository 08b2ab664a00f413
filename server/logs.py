"""The log: one line per response and per event, as text or JSON, with the id of the request."""

import logging
import re
import sys
import time
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from flask import g, has_request_context
from gunicorn.glogging import Logger as GunicornLogger

from api.request_id import HEADER
from core.types import LogFormat

# Control characters, escaped to prevent terminal injection; and non-ASCII ones.
CONTROL = re.compile(r"[^\x20-\x7e]")

access = logging.getLogger("access")


class AccessRecord(NamedTuple):
    """One line of the access log: the request and its response, but nothing of their contents."""

    request_id: str
    remote: str
    method: str
    path: str
    status: int
    bytes: int
    milliseconds: float

    def log(self) -> None:
        """Write the line; as JSON, it has the fields beside the message."""
        path = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", self.path)
        milliseconds = round(self.milliseconds, 1)
        message = f"{self.remote} {self.method} {path} {self.status} {self.bytes} bytes {milliseconds} ms"
        access.info(message, extra=self._asdict() | {"path": path, "milliseconds": milliseconds})


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in AccessRecord._fields if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """Formats a record as one line of text, with the traceback, if any, below it."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s %(message)s%(suffix)s", "%Y-%m-%d %H:%M:%S %z")

    def format(self, record: logging.LogRecord) -> str:
        request_id = getattr(record, "request_id", "")
        record.suffix = f" [{request_id}]" if request_id else ""
        return super().format(record)


class Handler(logging.StreamHandler[Any]):
    """Writes records to a stream, with the id of the request that the current thread handles."""

    def __init__(self, format_: LogFormat, stream: Any) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, "request_id") and has_request_context():
            record.request_id = g.get("request_id", "")
        super().emit(record)


def configure(format_: LogFormat) -> None:
    """Send log records and Python's warnings to standard error, and access records to standard output, in `format_`."""
    # No formatter uses these fields (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[Handler(format_, sys.stderr)], force=True)
    access.handlers, access.propagate = [Handler(format_, sys.stdout)], False


class Logger(GunicornLogger):
    """gunicorn's logger, with the handlers and the access line of this service."""

    def setup(self, cfg: Any) -> None:
        """Keep the handlers of configure()."""
        self.cfg = cfg
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.INFO)

    def access(self, response: Any, request: Any, environ: dict[str, Any], took: timedelta) -> None:
        """Log a response of the application."""
        AccessRecord(
            request_id=dict(response.headers).get(HEADER, ""),
            remote=environ.get("REMOTE_ADDR", ""),
            method=environ["REQUEST_METHOD"],
            path=environ["RAW_URI"],
            status=int(str(response.status).split()[0]),
            bytes=response.sent,
            milliseconds=took.total_seconds() * 1000,
        ).log()
