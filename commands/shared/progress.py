"""Prints the progress of a command on standard error: a bar on a terminal, else a line every INTERVAL seconds."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread, Timer
from types import TracebackType
from typing import Any

import click

from commands.shared.say import say

INTERVAL = 10.0  # seconds between two lines
PATIENCE = 2.0  # seconds in which a folder is listed without a line


class Progress:
    """The progress of `total` photos. Within its context, log records and Python's warnings are lines above the bar."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._terminal = sys.stderr.isatty()
        self._opened = ExitStack()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        handler = _Handler(self)
        logging.getLogger().addHandler(handler)
        logging.captureWarnings(True)
        self._opened.callback(logging.captureWarnings, False)
        self._opened.callback(logging.getLogger().removeHandler, handler)
        if not self._terminal:
            ended = Event()
            thread = Thread(target=self._report, args=[ended], daemon=True)
            thread.start()
            self._opened.callback(thread.join)
            self._opened.callback(ended.set)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.close()

    def add(self, photos: int = 1) -> None:
        """Count `photos` more as processed."""
        self._done += photos
        if self._terminal and self._total > 1:
            # The bar appears with the first photo: while TensorFlow starts, its C code can print past the handler.
            if not self._bar:
                bar = click.progressbar(length=self._total, label=f"{self._total} photos", file=sys.stderr)
                self._bar = self._opened.enter_context(bar)
            self._bar.update(photos)

    def say(self, line: str) -> None:
        """Print a line; the bar comes back below it with the next photo."""
        say(line, erase=bool(self._bar))

    def _report(self, ended: Event) -> None:
        began_at = time.monotonic()
        while not ended.wait(INTERVAL):
            text = f"{self._done} of {self._total} photos"
            if done := self._done:
                left = (time.monotonic() - began_at) / done * (self._total - done)
                text += f", about {left:.0f} s left"
            self.say(text)


@contextmanager
def looking(folder: str) -> Iterator[None]:
    """Print a line if the block, which lists the photos in `folder`, takes longer than PATIENCE."""
    timer = Timer(PATIENCE, say, [f"looking for photos in {folder}, which takes a while if there are many"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Handler(logging.Handler):
    """Prints log records above the bar of `progress`."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.say(self.format(record))
