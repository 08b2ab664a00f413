"""Checkpoints: places at which work stops when nobody waits for its result any more.

The queue says, for the thread that works on a request, when that is: its client has gone, or its deadline has passed.
Every stage that can take longer than a fraction of a second calls checkpoint() between its strips, classes, rings or
rows, so that a request costs nothing after its end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _never() -> None:
    """Let the work go on: outside the queue, nothing ends it."""


_check = ContextVar[Callable[[], None]]("check", default=_never)


def checkpoint() -> None:
    """Return if the result of the current work is still wanted.

    Raises DeadlineExceeded or ClientGone otherwise, which no stage handles. A call takes a fraction of a microsecond.
    """
    _check.get()()


@contextmanager
def checked(check: Callable[[], None]) -> Iterator[None]:
    """Let checkpoint() call `check`, in this context and while the block runs."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)
