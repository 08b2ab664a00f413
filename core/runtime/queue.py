"""The bounded request queue in front of the engine: first come, first served, with a deadline for each request."""

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

# Weight of the newest sample in the moving average of the service time.
WEIGHT = 0.2


class RequestQueue:
    """A first-come-first-served queue, processed by `workers` threads.

    At most `size` requests are admitted at a time, running or waiting. Each has `timeout` seconds, from its admission,
    to finish; math.inf is no limit. `observe` receives the waiting time of each request, as the stage "queue".
    """

    def __init__(self, workers: int, size: int, timeout: float, observe: Observe = ignore) -> None:
        self.workers = workers
        self.size = size
        self.timeout = timeout
        self.observe = observe
        self._admitted = 0
        self._running = 0
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
        return max(0, self._admitted - self._running)

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
        `is_connected` returns False when a worker takes the request. A request that has not begun by then never begins.
        """
        with self._place() as admitted_at:
            # A copied context gives the worker's log records the id of the request.
            future: Future[T] = self._threads.submit(
                copy_context().run, self._work, admitted_at, is_connected, function, arguments
            )
            try:
                left = admitted_at + self.timeout - time.monotonic()
                return future.result(timeout=None if math.isinf(left) else left)
            except TimeoutError as error:
                if future.done() and future.exception() is error:
                    raise  # the function itself raised it
                future.cancel()
                raise DeadlineExceeded(
                    f"the request was not done within {self.timeout:g} seconds (REQUEST_TIMEOUT); try again later"
                ) from None
            finally:
                # The error refers to this frame and the future to the error: a cycle that would keep the image alive
                # until the next garbage collection.
                del future

    @contextmanager
    def _place(self) -> Iterator[float]:
        """Occupy a place in the queue; yield the time of admission. Raises QueueFull."""
        with self._lock:
            self.check()
            self._admitted += 1
        try:
            yield time.monotonic()
        finally:
            with self._lock:
                self._admitted -= 1

    def _work(
        self, admitted_at: float, is_connected: Callable[[], bool], function: Callable[..., T], arguments: Any
    ) -> T:
        if not is_connected():
            raise ClientGone("the client closed the connection before its request began")
        began_at = time.monotonic()
        self.observe("queue", began_at - admitted_at)
        with self._lock:
            self._running += 1
        try:
            return function(*arguments)
        finally:
            seconds = time.monotonic() - began_at
            with self._lock:
                self._running -= 1
                self._service_time += WEIGHT * (seconds - self._service_time) if self._service_time else seconds
