"""The queue: order, its two bounds, and that refused work is never done."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import DeadlineExceeded, QueueFull
from core.executor import Executor


def test_runs_in_the_order_of_submission() -> None:
    executor = Executor(workers=1, size=100, timeout=10)
    done: list[int] = []
    futures = [executor.submit(done.append, number) for number in range(50)]
    for future in futures:
        future.result()
    assert done == list(range(50))


def test_admits_no_more_than_its_size_and_again_when_one_has_left() -> None:
    executor = Executor(workers=1, size=2, timeout=10)
    with executor.admit():
        with executor.admit(), pytest.raises(QueueFull, match=r"2 requests.*QUEUE_SIZE"), executor.admit():
            pass
        with executor.admit() as ticket:
            assert ticket.run(sum, [1, 2]) == 3


def test_a_failure_is_the_callers_and_frees_the_place() -> None:
    executor = Executor(workers=1, size=1, timeout=10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), executor.admit() as ticket:
            ticket.run(lambda: 1 / 0)


def test_waiting_past_the_deadline_is_refused_and_the_work_never_begun() -> None:
    executor = Executor(workers=1, size=2, timeout=0.1)
    release = threading.Event()
    done: list[str] = []
    executor.submit(release.wait)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.1 seconds.*REQUEST_TIMEOUT"), executor.admit() as ticket:
        ticket.run(done.append, "late")
    assert 0.1 <= time.monotonic() - began < 5
    release.set()
    executor.submit(lambda: None).result()
    assert done == []


def test_a_deadline_counts_from_admission() -> None:
    executor = Executor(workers=1, size=1, timeout=0.05)
    with executor.admit() as ticket:
        time.sleep(0.1)
        executor.submit(time.sleep, 0.1)
        with pytest.raises(DeadlineExceeded):
            ticket.run(lambda: None)


def test_many_threads_all_get_their_own_result() -> None:
    executor = Executor(workers=1, size=20, timeout=10)

    def square(number: int) -> int:
        with executor.admit() as ticket:
            return ticket.run(pow, number, 2)

    with ThreadPoolExecutor(20) as clients:
        assert list(clients.map(square, range(200))) == [number**2 for number in range(200)]
