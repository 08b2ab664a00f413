"""The queue: order, its two bounds, and that refused work is never done."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import ClientGone, DeadlineExceeded, QueueFull
from core.runtime.queue import Executor


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


def test_what_would_come_too_late_is_refused_at_once() -> None:
    executor = Executor(workers=1, size=100, timeout=0.3)
    with executor.admit() as ticket:
        ticket.run(time.sleep, 0.2)  # what one takes
    with executor.admit():
        began = time.monotonic()
        with pytest.raises(QueueFull, match=r"would take about .* seconds, longer than it may \(0\.3") as refusal:
            executor.check()
        assert time.monotonic() - began < 0.1
        assert refusal.value.retry_after >= 1
    executor.check()  # nobody ahead: always let in, so that the estimate can change


def test_work_whose_client_has_gone_is_never_begun() -> None:
    executor = Executor(workers=1, size=2, timeout=10)
    done: list[str] = []
    with pytest.raises(ClientGone), executor.admit(lambda: False) as ticket:
        ticket.run(done.append, "for nobody")
    assert done == []
    assert executor.admitted == 0


def test_the_time_in_the_queue_and_those_in_it_can_be_seen() -> None:
    seen: list[tuple[str, float]] = []
    executor = Executor(workers=1, size=3, timeout=10, observe=lambda stage, seconds: seen.append((stage, seconds)))
    release = threading.Event()

    def wait() -> None:
        with executor.admit() as ticket:
            ticket.run(release.wait)

    with ThreadPoolExecutor(2) as clients:
        waiting = [clients.submit(wait) for _ in range(2)]
        while executor.admitted < 2 or executor.waiting > 1:
            time.sleep(0.001)
        assert (executor.admitted, executor.waiting) == (2, 1)
        time.sleep(0.1)
        release.set()
        for future in waiting:
            future.result()
    assert [stage for stage, _ in seen] == ["queue", "queue"]
    assert seen[0][1] < 0.05
    assert seen[1][1] > 0.1


def test_a_timeout_of_the_works_own_is_not_the_deadlines() -> None:
    executor = Executor(workers=1, size=1, timeout=10)

    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"), executor.admit() as ticket:
        ticket.run(fail)
