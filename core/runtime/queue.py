"""A bounded queue in front of the engine: first come, first served, and no more than can be answered in time."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from threading import Lock
from typing import Any, TypeVar

from core.errors import ClientGone, DeadlineExceeded, QueueFull
from core.types import Observe, ignore

T = TypeVar("T")

# How much the latest work counts in the estimate of how long the next will take.
WEIGHT = 0.2


class Executor:
    """Some threads, `workers`, that begin functions in the order they were submitted.

    A request is admitted before work is spent on it: at most `size` are at a time, and each has `timeout` seconds
    for its work to be done. `observe` is told how long each waited for its turn, as the stage "queue".
    """

    def __init__(self, workers: int, size: int, timeout: float, observe: Observe = ignore) -> None:
        self.workers = workers
        self.size = size
        self.timeout = timeout
        self.observe = observe
        self._admitted = 0
        self._running = 0
        self._typical = 0.0  # seconds that one takes
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="engine")

    @property
    def admitted(self) -> int:
        """How many requests are being worked on or waiting."""
        return self._admitted

    @property
    def waiting(self) -> int:
        """How many of them have not begun."""
        return max(0, self._admitted - self._running)

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run `function(*arguments)` after what was submitted before, outside the bound: for the service's own work."""
        return self._threads.submit(function, *arguments)

    def check(self) -> None:
        """Raise QueueFull if a request would not be admitted, or could not be done within the timeout."""
        ahead = self._admitted
        # The one that finds a free worker is always let in, so that an estimate that was wrong is soon corrected.
        expected = ahead // self.workers * self._typical
        again = max(1, math.ceil(expected))
        if ahead >= self.size:
            raise QueueFull(
                f"the service is busy with {ahead} requests, its limit (QUEUE_SIZE); try again later", again
            )
        if expected + self._typical > self.timeout and ahead >= self.workers:
            raise QueueFull(
                f"the service is busy: this request would take about {expected + self._typical:.0f} seconds, "
                f"longer than it may ({self.timeout:g}, REQUEST_TIMEOUT); try again later",
                again,
            )

    @contextmanager
    def admit(self, wanted: Callable[[], bool] = lambda: True) -> Iterator["Ticket"]:
        """Hold a place for one request, whose client still waits for it as long as `wanted` says.

        Raises QueueFull when there is none, or one that comes too late.
        """
        with self._lock:
            self.check()
            self._admitted += 1
        try:
            yield Ticket(self, wanted)
        finally:
            with self._lock:
                self._admitted -= 1

    @contextmanager
    def _turn(self, submitted: float) -> Iterator[None]:
        began = time.monotonic()
        self.observe("queue", began - submitted)
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            took = time.monotonic() - began
            with self._lock:
                self._running -= 1
                self._typical += WEIGHT * (took - self._typical) if self._typical else took


class Ticket:
    """One admitted request's right to the engine until its deadline."""

    def __init__(self, executor: Executor, wanted: Callable[[], bool]) -> None:
        self._executor = executor
        self._wanted = wanted
        self._admitted = time.monotonic()

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(*arguments)`, run in its turn.

        Raises DeadlineExceeded when the deadline comes first; work that has not begun by then is never begun. Nor is
        any whose client has gone: ClientGone.
        """

        def turn() -> T:
            if not self._wanted():
                raise ClientGone("the client closed the connection before its turn came")
            with self._executor._turn(self._admitted):
                return function(*arguments)

        # What is logged in its turn is known to be the request's.
        future: Future[T] = self._executor.submit(copy_context().run, turn)
        timeout = self._executor.timeout
        try:
            return future.result(timeout=self._admitted + timeout - time.monotonic())
        except TimeoutError:
            if future.done():
                raise  # the function's own
            future.cancel()
            raise DeadlineExceeded(
                f"the request was not done within {timeout:g} seconds (REQUEST_TIMEOUT); try again later"
            ) from None
        finally:
            # An error knows this frame, and the future knows the error: a cycle that would keep the image for minutes.
            del future
