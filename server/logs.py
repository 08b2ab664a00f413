"""The log: one line per response and per event, as text or JSON, with the ids of the request."""

import logging
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
TIME = "%Y-%m-%d %H:%M:%S %z"


def log_access(seconds: float, path: str, **fields: Any) -> None:
    """Log a request to `path`, with more `fields` about it and about its response, but nothing of their contents."""
    fields["path"] = path.encode("latin-1", "backslashreplace").decode(errors="backslashreplace")
    fields["milliseconds"] = round(1000 * seconds, 1)
    access.info(ACCESS, fields, extra={"fields": fields})


def printable(text: str) -> str:
    """Return `text` with Python's escapes in place of control characters, and of others that can't be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> list[str]:
    """Return the lines of `text`, each printable."""
    return [printable(line) for line in text.split("\n")] if text else []


class Handler(logging.StreamHandler[Any]):
    """Writes records as text or JSON, with the ids of the request that the current task or thread handles.

    Whatever a record quotes, a terminal shows it and nobody takes it for another record.
    """

    def __init__(self, format_: LogFormat, stream: Any) -> None:
        super().__init__(stream)
        self._is_json = format_ == "json"
        self._formatter = logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as one line, which in text is followed by the indented lines of its traceback."""
        ids = request_ids.get({})
        message = record.getMessage().rstrip("\n")
        trace = printable_lines(self._formatter.formatException(record.exc_info) if record.exc_info else "")
        if not self._is_json:
            moment = time.strftime(TIME, time.localtime(record.created))
            suffix = f" [{' '.join(ids.values())}]" if ids else ""
            return "\n  ".join([printable(f"[{moment}] {record.levelname} {message}{suffix}"), *trace])
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "message": "\n".join(printable_lines(message)),
        }
        for name, value in (ids | getattr(record, "fields", {})).items():
            line[name] = printable(value) if isinstance(value, str) else value
        if trace:
            line["exception"] = "\n".join(trace)
        return orjson.dumps(line, default=str).decode()


def configure(format_: LogFormat) -> None:
    """Send log records and Python's warnings to standard error, and access records to standard output, in `format_`."""
    # No formatter uses these fields (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[Handler(format_, sys.stderr)], force=True)
    access.handlers, access.propagate = [Handler(format_, sys.stdout)], False
