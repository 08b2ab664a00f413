"""A bounded queue in front of the engine: first come, first served, and no more than can be answered in time."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, TypeVar

from core.errors import DeadlineExceeded, QueueFull

T = TypeVar("T")


class Executor:
    """Some threads, `workers`, that begin functions in the order they were submitted.

    A request is admitted before work is spent on it: at most `size` are at a time, and each has `timeout` seconds
    for the work it submits to be done.
    """

    def __init__(self, workers: int, size: int, timeout: float) -> None:
        self.workers = workers
        self._size = size
        self._timeout = timeout
        self._places = BoundedSemaphore(size)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="engine")

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run `function(*arguments)` after what was submitted before, outside the bound: for the service's own work."""
        return self._threads.submit(function, *arguments)

    @contextmanager
    def admit(self) -> Iterator["Ticket"]:
        """Hold a place for one request. Raises QueueFull when none is left."""
        if not self._places.acquire(blocking=False):
            raise QueueFull(f"the service is busy with {self._size} requests, its limit (QUEUE_SIZE); try again later")
        try:
            yield Ticket(self, self._timeout)
        finally:
            self._places.release()


class Ticket:
    """One admitted request's right to the engine until its deadline."""

    def __init__(self, executor: Executor, timeout: float) -> None:
        self._executor = executor
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(*arguments)`, run in its turn.

        Raises DeadlineExceeded when the deadline comes first; work that has not begun by then is never begun.
        """
        future = self._executor.submit(function, *arguments)
        try:
            return future.result(timeout=self._deadline - time.monotonic())
        except TimeoutError:
            future.cancel()
            raise DeadlineExceeded(
                f"the request was not done within {self._timeout:g} seconds (REQUEST_TIMEOUT); try again later"
            ) from None
