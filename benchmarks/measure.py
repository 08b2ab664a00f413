"""Times calls, and summarizes repeated measurements."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


def milliseconds(call: Callable[[], object]) -> float:
    """Return the duration of `call()` in milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def interleaved(runs: int, *calls: Callable[[], object], warm_up: int = 1) -> list[float]:
    """Return the median milliseconds of each of `calls` over `runs`, after `warm_up` runs that do not count.

    The calls take turns, so that a change in the machine's speed affects all of them.
    """
    times = [[milliseconds(call) for call in calls] for _ in range(warm_up + runs)][warm_up:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


@dataclass(frozen=True)
class Spread:
    """The median of several values, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Return the spread of `values`; one value is its own quartiles."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def ratio(values: list[float], others: list[float]) -> Spread:
    """Return the spread of `values` divided by `others`, round by round: a slow round slows both, and cancels out."""
    return Spread.of([value / other for value, other in zip(values, others, strict=True)])
