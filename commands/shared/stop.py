"""The ends of a command: what SIGINT, SIGTERM and SIGHUP do to it, also if it is process 1 of a container."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

# Seconds after the first signal in which the photos that are being segmented can finish; after the second, none.
GRACE = 1.0
# Seconds between two looks at the signals. A handler must not use an Event: the thread that it interrupts may hold it.
LOOK = 0.2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal has ended the work before there was a result."""


class Stop:
    """Within its context, the signals SIGNALS are remembered and end nothing by themselves.

    `number` is the first one, 0 without any.
    """

    def __init__(self) -> None:
        self.number = 0
        self._deadline = math.inf
        self._before: dict[signal.Signals, Any] = {}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="command")

    def __enter__(self) -> "Stop":
        self._before = _handle(self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._threads.shutdown(wait=False)

    @property
    def status(self) -> int:
        """The exit status of a command that the signal has ended: 128 and its number, as shells tell it."""
        return 128 + self.number

    def is_set(self) -> bool:
        """Return whether there was a signal: nothing new is begun."""
        return self.number != 0

    def wants(self) -> bool:
        """Return whether the work that was begun can go on."""
        return time.monotonic() < self._deadline

    def wait(self, seconds: float) -> bool:
        """Wait for `seconds`, or until there is a signal; return whether there is one."""
        end = time.monotonic() + seconds
        while not self.number and (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
        return self.is_set()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(*arguments)`, called in another thread. Raises what it raises, and Stopped."""
        return self.result(self._threads.submit(function, *arguments))

    def result(self, future: "Future[T]") -> T:
        """Return the result of `future`. Raises what it raises, and Stopped, if it is not done in time."""
        while not wait([future], LOOK).done:
            if not self.wants():
                raise Stopped
        return future.result()

    def _receive(self, number: int, _: object) -> None:
        self._deadline = time.monotonic() + (0 if self.number else GRACE)
        self.number = self.number or number


def exit_at_signals() -> None:
    """Let each of SIGNALS raise SystemExit, outside of the context of a Stop."""
    _handle(lambda number, _: sys.exit(128 + number))


def exit_now(status: int) -> NoReturn:
    """End the process without waiting for its threads: none of them has work that anybody needs."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a reader that has gone, or a stream that is closed
            stream.flush()
    os._exit(status)


def _handle(handler: Callable[[int, object], object]) -> dict[signal.Signals, Any]:
    """Let `handler` handle SIGNALS; return the handlers before it.

    A shell without job control makes background processes ignore SIGINT, which must end them nevertheless. `nohup`
    makes them ignore SIGHUP, as its user wants.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, handler)
    return before
