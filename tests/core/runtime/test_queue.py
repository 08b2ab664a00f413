"""The request queue: its order, its limits, and the requests that are never begun."""

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from core.checkpoint import checkpoint
from core.errors import ClientGone, DeadlineExceeded, QueueFull
from core.runtime.queue import RequestQueue
from tests.support.observer import Recorder
from tests.support.service import wait_for

# A deadline, in seconds, that no request of these tests exceeds, even on a slow machine.
NEVER = 3600


class Clock:
    """A clock that stands still until a test sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the queue, in place of the system's."""
    clock = Clock()
    monkeypatch.setattr("core.runtime.queue.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@contextmanager
def occupied(queue: RequestQueue, requests: int) -> Iterator[None]:
    """Fill `queue` with `requests` that run or wait until the context ends."""
    release = threading.Event()
    with ThreadPoolExecutor(requests) as clients:
        futures = [clients.submit(queue.run, release.wait) for _ in range(requests)]
        try:
            wait_for(lambda: queue.admitted == requests and queue.waiting == max(0, requests - queue.workers))
            yield
        finally:
            release.set()
        for future in futures:
            future.result()


def test_queue_with_one_worker_runs_jobs_in_order_of_submission() -> None:
    queue = RequestQueue(workers=1, size=100, timeout=NEVER)
    done: list[int] = []
    futures = [queue.submit(done.append, number) for number in range(50)]
    for future in futures:
        future.result()
    assert done == list(range(50))


def test_queue_run_returns_result_of_function() -> None:
    assert RequestQueue(workers=1, size=1, timeout=NEVER).run(pow, 2, 3) == 8


def test_queue_run_from_many_threads_returns_each_its_own_result() -> None:
    queue = RequestQueue(workers=2, size=20, timeout=NEVER)
    with ThreadPoolExecutor(20) as clients:
        results = clients.map(lambda number: queue.run(pow, number, 2), range(200))
        assert list(results) == [number**2 for number in range(200)]


def test_queue_run_calls_function_in_context_of_caller() -> None:
    queue = RequestQueue(workers=1, size=1, timeout=NEVER)
    request_id: ContextVar[str] = ContextVar("request_id")
    request_id.set("a")
    assert queue.run(request_id.get) == "a"


def test_queue_when_full_raises_queue_full() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=NEVER)
    with occupied(queue, 2), pytest.raises(QueueFull, match=r"2 requests.*QUEUE_SIZE"):
        queue.run(sum, [1, 2])


def test_queue_when_full_accepts_requests_again_after_one_has_left() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=NEVER)
    with occupied(queue, 2):
        pass
    assert queue.run(sum, [1, 2]) == 3


def test_queue_run_of_failing_function_raises_its_error_and_frees_the_place() -> None:
    queue = RequestQueue(workers=1, size=1, timeout=NEVER)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            queue.run(lambda: 1 / 0)
    assert (queue.admitted, queue.waiting) == (0, 0)


def test_queue_run_of_function_that_raises_timeout_error_raises_it() -> None:
    queue = RequestQueue(workers=1, size=1, timeout=NEVER)

    def fail() -> None:
        raise TimeoutError("from the function")

    with pytest.raises(TimeoutError, match="from the function"):
        queue.run(fail)


def test_queue_run_that_waits_past_deadline_raises_deadline_exceeded_and_never_begins() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=0.1)
    release = threading.Event()
    done: list[str] = []
    queue.submit(release.wait)
    began_at = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.1 seconds.*REQUEST_TIMEOUT"):
        queue.run(done.append, "late")
    assert time.monotonic() - began_at >= 0.1
    release.set()
    queue.submit(lambda: None).result()
    assert done == []
    assert queue.admitted == 0


def test_queue_run_that_takes_longer_than_deadline_raises_and_keeps_its_place_until_its_work_ends() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=0.1)
    release = threading.Event()
    try:
        with pytest.raises(DeadlineExceeded):
            queue.run(release.wait)
        assert (queue.admitted, queue.overrunning()) == (1, 1)
    finally:
        release.set()
    wait_for(lambda: queue.admitted == 0)
    assert queue.overrunning() == 0


def work_until_stopped(ended: list[type[Exception]]) -> None:
    """Work until a checkpoint stops it; add the kind of its exception to `ended`."""
    while True:
        try:
            checkpoint()
        except (DeadlineExceeded, ClientGone) as error:
            ended.append(type(error))
            raise
        time.sleep(0.001)


def test_queue_run_past_its_deadline_stops_at_the_next_checkpoint() -> None:
    queue = RequestQueue(workers=1, size=1, timeout=0.1)
    ended: list[type[Exception]] = []
    with pytest.raises(DeadlineExceeded):
        queue.run(work_until_stopped, ended)
    wait_for(lambda: queue.admitted == 0)
    assert ended == [DeadlineExceeded]


def test_queue_run_whose_client_goes_stops_at_the_next_checkpoint() -> None:
    queue = RequestQueue(workers=1, size=1, timeout=NEVER)
    gone = threading.Event()
    ended: list[type[Exception]] = []
    with ThreadPoolExecutor(1) as client:
        result = client.submit(queue.run, work_until_stopped, ended, is_connected=lambda: not gone.is_set())
        wait_for(lambda: queue.admitted == 1 and queue.waiting == 0)
        gone.set()
        with pytest.raises(ClientGone):
            result.result()
    assert (ended, queue.admitted) == ([ClientGone], 0)


def test_checkpoint_outside_a_queue_does_nothing() -> None:
    checkpoint()


def test_queue_run_that_ends_just_after_deadline_raises_deadline_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = RequestQueue(workers=1, size=1, timeout=0.1)
    began, release = threading.Event(), threading.Event()
    done = Future.done

    def done_after_the_function_has_ended(self: Future[bool]) -> bool:
        release.set()
        if began.is_set():
            self.exception()
        return done(self)

    def work() -> bool:
        began.set()
        return release.wait()

    monkeypatch.setattr(Future, "done", done_after_the_function_has_ended)
    with pytest.raises(DeadlineExceeded):
        queue.run(work)


def test_queue_run_of_disconnected_client_raises_client_gone_and_never_begins() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=NEVER)
    done: list[str] = []
    with pytest.raises(ClientGone):
        queue.run(done.append, "result", is_connected=lambda: False)
    assert done == []
    assert queue.admitted == 0


def test_queue_run_checks_connection_when_a_worker_takes_the_request() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=NEVER)
    release = threading.Event()
    checked_after_release: list[bool] = []

    def is_connected() -> bool:
        checked_after_release.append(release.is_set())
        return True

    queue.submit(release.wait)
    with ThreadPoolExecutor(1) as client:
        result = client.submit(queue.run, pow, 2, 3, is_connected=is_connected)
        wait_for(lambda: queue.waiting == 1)
        release.set()
        assert result.result() == 8
    assert checked_after_release == [True]


def test_queue_check_of_request_that_would_exceed_deadline_raises_queue_full(clock: Clock) -> None:
    queue = RequestQueue(workers=1, size=100, timeout=NEVER)
    queue.run(clock.advance, 2000)
    with occupied(queue, 1):
        with pytest.raises(
            QueueFull, match=r"about 4000 seconds, longer than its limit of 3600 \(REQUEST_TIMEOUT"
        ) as full:
            queue.check()
        assert full.value.retry_after == 2000


def test_queue_check_with_free_worker_passes_however_slow_the_requests(clock: Clock) -> None:
    queue = RequestQueue(workers=1, size=100, timeout=NEVER)
    for _ in range(3):
        queue.run(clock.advance, 3000)
    queue.check()


def test_queue_check_after_faster_requests_passes(clock: Clock) -> None:
    queue = RequestQueue(workers=1, size=100, timeout=NEVER)
    queue.run(clock.advance, 2000)
    for _ in range(20):
        queue.run(clock.advance, 10)
    with occupied(queue, 1):
        queue.check()


def test_queue_observes_waiting_time_of_each_request(clock: Clock) -> None:
    recorder = Recorder()
    queue = RequestQueue(1, 3, NEVER, recorder)
    with occupied(queue, 2):
        clock.advance(5)
    assert recorder.stages == [("queue", 0), ("queue", 5)]


def test_queue_counts_admitted_and_waiting_requests() -> None:
    queue = RequestQueue(workers=2, size=5, timeout=NEVER)
    assert (queue.admitted, queue.waiting) == (0, 0)
    with occupied(queue, 5):
        assert (queue.admitted, queue.waiting) == (5, 3)
    assert (queue.admitted, queue.waiting) == (0, 0)


def test_queue_without_timeout_runs_and_admits() -> None:
    queue = RequestQueue(workers=1, size=2, timeout=math.inf)
    for _ in range(3):
        assert queue.run(lambda: "result") == "result"
