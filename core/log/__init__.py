"""The log: one line per response and per event, as text or JSON, with the ids of the request."""

import atexit
import logging
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from threading import Thread
from typing import Any, NoReturn

import orjson

from core.log.writer import Writer
from core.types import LogFormat

# Of the request that the current task or thread handles: request_id, and the ids of its trace if it has one.
request_ids = ContextVar[dict[str, str]]("request_ids")
access = logging.getLogger("access")
# What a process that ends still has to send, apart from its log.
last_calls: list[Callable[[], object]] = []

ACCESS = "%(remote)s %(method)s %(path)s %(status)d %(bytes)d bytes %(milliseconds)s ms"
TIME = "%Y-%m-%d %H:%M:%S %z"
DROPPED = "lines of the log dropped here: %d; nothing read them in time, or they could not be written"
STDOUT, STDERR = 1, 2
FLUSH_SECONDS = 1.0  # for which a process that ends waits until its log is written


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


class Handler(logging.Handler):
    """Writes records as text or JSON, with the ids of the request that the current task or thread handles.

    It never waits, and whatever a record quotes, a terminal shows it and nobody takes it for another record.
    """

    def __init__(self, format_: LogFormat, descriptor: int) -> None:
        super().__init__()
        self.writer = Writer(descriptor, self._report)
        self._is_json = format_ == "json"
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand `record` to the thread that writes it."""
        try:
            self.writer.put(self._encoded(record))
        except Exception:
            self.handleError(record)

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

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode()

    def _report(self, dropped: int) -> bytes:
        return self._encoded(logging.LogRecord(__name__, logging.WARNING, __file__, 0, DROPPED, (dropped,), None))


def configure(format_: LogFormat) -> None:
    """Send log records and Python's warnings to standard error, and access records to standard output, in `format_`."""
    for descriptor in (STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:  # the service was started with it closed; a socket that got its number would get the log
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    # No formatter uses these fields (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[Handler(format_, STDERR)], force=True)
    access.handlers, access.propagate = [Handler(format_, STDOUT)], False
    atexit.register(flush)


def _writers() -> list[Writer]:
    handlers = [*logging.getLogger().handlers, *access.handlers]
    return [handler.writer for handler in handlers if isinstance(handler, Handler)]


def dropped() -> int:
    """Return the number of lines that this process has dropped."""
    return sum(writer.dropped for writer in _writers())


def flush() -> None:
    """Wait until the log is written, for FLUSH_SECONDS at most."""
    until = time.monotonic() + FLUSH_SECONDS
    for writer in _writers():
        writer.flush(max(0, until - time.monotonic()))


def end(status: int) -> NoReturn:
    """End this process with `status` and without the interpreter's clean-up, when its log and the rest are written."""
    for call in last_calls:
        thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(FLUSH_SECONDS)
    flush()
    os._exit(status)


def fail(message: str) -> NoReturn:
    """End this process with status 1, and with `message` on standard error if that takes it in time."""
    flush()
    with suppress(OSError):
        if select.select([], [STDERR], [], FLUSH_SECONDS)[1]:
            os.write(STDERR, "\n".join([*printable_lines(message), ""]).encode())
    sys.exit(1)


def restart() -> None:
    """Begin again in a forked process, with the streams of the other one for the log alone: see core.log.prints."""
    for writer in _writers():
        writer.restart()
