"""The bounded request queue in front of the engine: first come, first served, with a deadline for each request."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock, get_ident
from typing import Any, TypeVar

from core.checkpoint import checked, checkpoint
from core.errors import ClientGone, DeadlineExceeded, QueueFull
from core.types import NO_OBSERVER, Observer

T = TypeVar("T")

# Weight of the newest sample in the moving average of the service time.
WEIGHT = 0.2


class RequestQueue:
    """A first-come-first-served queue, processed by `workers` threads.

    At most `size` requests are admitted at a time, running or waiting. Each has `timeout` seconds, from its admission,
    to finish; math.inf is no limit. Its place is free when its work has ended, which its next checkpoint() does if its
    client has gone or its deadline has passed. `observer` is told the waiting time of each request, as the stage
    "queue".
    """

    def __init__(self, workers: int, size: int, timeout: float, observer: Observer = NO_OBSERVER) -> None:
        self.workers = workers
        self.size = size
        self.timeout = timeout
        self.observer = observer
        self._admitted = 0
        self._deadlines: dict[int, float] = {}  # of the requests that run, by the id of their thread
        self._service_time = 0.0  # moving average, in seconds
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="engine")

    @property
    def admitted(self) -> int:
        """Number of requests that are running or waiting."""
        return self._admitted

    @property
    def waiting(self) -> int:
        """Number of admitted requests that have not begun."""
        return max(0, self._admitted - len(self._deadlines))

    def overrunning(self, seconds: float = 0) -> int:
        """Return the number of requests that run on for more than `seconds` after their deadline."""
        latest = time.monotonic() - seconds
        return sum(deadline < latest for deadline in list(self._deadlines.values()))

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue `function(*arguments)` for a worker, outside the limits: for internal work such as loading."""
        return self._threads.submit(function, *arguments)

    def check(self) -> None:
        """Raise QueueFull if a request would not be admitted, or could not finish within the timeout."""
        admitted = self._admitted
        wait = admitted // self.workers * self._service_time
        retry_after = max(1, math.ceil(wait))
        if admitted >= self.size:
            raise QueueFull(
                f"the service is busy with {admitted} requests, its limit (QUEUE_SIZE); try again later", retry_after
            )
        # A request that finds a free worker is always admitted, so that its service time corrects a wrong average.
        if wait + self._service_time > self.timeout and admitted >= self.workers:
            raise QueueFull(
                f"the service is busy: this request would take about {wait + self._service_time:.0f} seconds, "
                f"longer than its limit of {self.timeout:g} (REQUEST_TIMEOUT); try again later",
                retry_after,
            )

    def run(self, function: Callable[..., T], *arguments: Any, is_connected: Callable[[], bool] = lambda: True) -> T:
        """Return `function(*arguments)`, called by a worker after all requests that were admitted before.

        Raises QueueFull if there is no place, DeadlineExceeded if the deadline passes first, and ClientGone if
        `is_connected` returns False before `function` returns. A request that has not begun by then never begins; one
        that has begun ends at its next checkpoint().
        """
        admitted_at = self._admit()
        deadline = admitted_at + self.timeout

        def check() -> None:
            if time.monotonic() > deadline:
                raise self._too_late()
            if not is_connected():
                raise ClientGone("the client closed the connection before its request was done")

        # A copied context gives the worker's log records the id of the request.
        future: Future[T] = self._threads.submit(
            copy_context().run, self._work, admitted_at, check, function, arguments
        )
        try:
            left = deadline - time.monotonic()
            return future.result(timeout=None if math.isinf(left) else left)
        except TimeoutError as error:
            if future.done() and future.exception() is error:
                raise  # the function itself raised it
            if future.cancel():
                self._leave()  # it never begins
            raise self._too_late() from None
        finally:
            # The error refers to this frame and the future to the error: a cycle that would keep the image alive until
            # the next garbage collection.
            del future

    def _admit(self) -> float:
        """Occupy a place in the queue; return the time of admission. Raises QueueFull."""
        with self._lock:
            self.check()
            self._admitted += 1
        return time.monotonic()

    def _leave(self) -> None:
        """Free the place of a request."""
        with self._lock:
            self._admitted -= 1

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"the request was not done within {self.timeout:g} seconds (REQUEST_TIMEOUT); try again later"
        )

    def _work(self, admitted_at: float, check: Callable[[], None], function: Callable[..., T], arguments: Any) -> T:
        try:
            with checked(check):
                checkpoint()
                began_at = time.monotonic()
                self.observer.observe("queue", began_at - admitted_at)
                self._deadlines[get_ident()] = admitted_at + self.timeout
                try:
                    return function(*arguments)
                finally:
                    del self._deadlines[get_ident()]
                    self._measure(time.monotonic() - began_at)
        finally:
            self._leave()

    def _measure(self, seconds: float) -> None:
        """Add the duration of a request to the moving average."""
        with self._lock:
            self._service_time += WEIGHT * (seconds - self._service_time) if self._service_time else seconds
