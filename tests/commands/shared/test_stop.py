"""What signals do to the work of a command."""

import os
import signal
import time
from collections.abc import Iterator
from threading import Event

import pytest

from commands.shared.stop import SIGNALS, Stop, Stopped


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Let each signal do what it usually does: nohup makes processes ignore SIGHUP, which Stop leaves so."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_signal_leaves_work_a_moment_and_second_one_none(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.is_set()
        assert stop.wants()
        assert stop.call(lambda: "finished") == "finished"
        os.kill(os.getpid(), number)
        assert not stop.wants()
        assert stop.status == 128 + number
    assert signal.getsignal(number) is before


def test_work_that_takes_longer_is_stopped() -> None:
    hung = Event()
    with Stop() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped):
            stop.call(hung.wait)
        hung.set()


def test_call_raises_what_the_work_raises() -> None:
    def fail() -> None:
        raise TimeoutError("of the work")

    with Stop() as stop, pytest.raises(TimeoutError, match="of the work"):
        stop.call(fail)


def test_wait_ends_with_a_signal() -> None:
    began_at = time.monotonic()
    with Stop() as stop:
        assert not stop.wait(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(600)
    assert time.monotonic() - began_at < 600


def test_hangup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
