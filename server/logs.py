"""The log: one line per response and per event, as text or JSON, with the ids of the request."""

import logging
import re
import sys
import time
from contextvars import ContextVar
from typing import Any

import orjson

from core.types import LogFormat

# Of the request that the current task or thread handles: request_id, and the ids of its trace if it has one.
request_ids = ContextVar[dict[str, str]]("request_ids")
access = logging.getLogger("access")

ACCESS = "%(remote)s %(method)s %(path)s %(status)d %(bytes)d bytes %(milliseconds)s ms"
TEXT, TIME = "[%(asctime)s] %(levelname)s %(message)s%(suffix)s", "%Y-%m-%d %H:%M:%S %z"
CONTROL = re.compile(r"[^\x20-\x7e]")  # control characters can do harm in a terminal; and non-ASCII ones


def log_access(seconds: float, path: str, **fields: Any) -> None:
    """Log a request to `path`, with more `fields` about it and about its response, but nothing of their contents."""
    fields["path"] = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", path)
    fields["milliseconds"] = round(1000 * seconds, 1)
    access.info(ACCESS, fields, extra={"fields": fields})


class Handler(logging.StreamHandler[Any]):
    """Writes records as text or JSON, with the ids of the request that the current task or thread handles."""

    def __init__(self, format_: LogFormat, stream: Any) -> None:
        super().__init__(stream)
        self.setFormatter(logging.Formatter(TEXT, TIME))
        self._is_json = format_ == "json"

    def format(self, record: logging.LogRecord) -> str:
        ids = request_ids.get({})
        if not self._is_json:
            record.suffix = f" [{' '.join(ids.values())}]" if ids else ""
            return super().format(record)
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **ids,
            **getattr(record, "fields", {}),
            **({"exception": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}),
        }
        return orjson.dumps(line, default=str).decode()


def configure(format_: LogFormat) -> None:
    """Send log records and Python's warnings to standard error, and access records to standard output, in `format_`."""
    # No formatter uses these fields (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[Handler(format_, sys.stderr)], force=True)
    access.handlers, access.propagate = [Handler(format_, sys.stdout)], False
