"""Writes lines to a stream in a thread of its own: no other thread waits for the stream's reader or for its disk."""

import os
import select
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

# Bytes of lines that wait to be written: some thousands of responses.
MAX_WAITING = 1 << 20
# Seconds for which a line waits for others: waking the thread for each costs more than writing it.
GATHER = 0.01
RETRY = 1.0  # seconds after an error of the stream until it is tried again


class Writer:
    """Writes lines to the file `descriptor`, and drops those for which there is no room; `dropped` is their number.

    The line that `report` makes of the number of lines in a gap is written in their place, when the stream takes lines
    again.
    """

    def __init__(self, descriptor: int, report: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._report = report
        self._clear()

    def _clear(self) -> None:
        self.dropped = 0
        # Re-entrant, because the handler of a signal can interrupt the thread that holds it.
        self._changed = Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes that wait or are being written
        self._gap = 0  # dropped lines that have not been reported
        self._failed = False  # whether the last write failed
        self._torn = b""  # a line feed, if the stream ends within a line
        self._thread: Thread | None = None

    def restart(self) -> None:
        """Begin again in a forked process, with a copy of the descriptor: the thread is in the other process."""
        self._descriptor = os.dup(self._descriptor)
        self._clear()

    def put(self, line: bytes) -> None:
        """Write `line`, which ends with a line feed, soon, or drop it."""
        with self._changed:
            # One gap is better than many: after a dropped line all are dropped, until the waiting ones are written.
            if self._gap or self._size + len(line) > MAX_WAITING:
                self._drop(line)
            else:
                self._waiting.append(line)
                self._size += len(line)
            self._changed.notify_all()
            if not self._thread:
                thread = Thread(target=self._run, name="log", daemon=True)
                thread.start()
                self._thread = thread

    def flush(self, seconds: float) -> None:
        """Wait until the stream has taken all lines, for `seconds` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size and (self._failed or not self._gap), seconds)

    def _drop(self, lines: bytes) -> None:
        count = lines.count(b"\n")
        self.dropped += count
        self._gap += count

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._gap)
            time.sleep(GATHER)
            while self._waiting or self._gap:
                self._write_next()

    def _write_next(self) -> None:
        """Write the next lines; if there are none, the report of the gap after them."""
        with self._changed:
            batch, gap = self._batch(), self._gap
        data = batch or self._torn + self._report(gap)
        rest = self._write(data)
        if written := data.removesuffix(rest):
            self._torn = b"" if written.endswith(b"\n") else b"\n"
        with self._changed:
            self._failed = bool(rest)
            self._size -= len(batch)
            if not batch and not rest:
                self._gap -= gap
            elif batch and rest:
                self._drop(rest + b"".join(self._waiting))
                self._waiting.clear()
                self._size = 0
            self._changed.notify_all()
        if rest:
            time.sleep(RETRY)

    def _batch(self) -> bytes:
        """Return the next lines: as many as the system writes to a pipe in one piece (pipe(7), PIPE_BUF), or one."""
        batch = bytearray()
        while self._waiting and (not batch or len(batch) + len(self._waiting[0]) <= select.PIPE_BUF):
            batch += self._waiting.popleft()
        return bytes(batch)

    def _write(self, data: bytes) -> bytes:
        """Write `data` and return b"", or the rest that the system does not take."""
        try:
            while data:
                # A stream that does not block, because another program has made it so, is waited for here.
                select.select([], [self._descriptor], [])
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            pass
        return data
