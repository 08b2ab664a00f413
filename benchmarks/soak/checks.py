"""A promise of the service with its measurement, and the requests that several parts of the stress test send."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.http_client import GZIP, form, post
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess

# Seconds after which an idle service has released the memory that it does not need.
REST = 8.0
# The allowed statuses under overload.
OVERLOAD_STATUSES = {200, 503}


@dataclass(frozen=True)
class Check:
    """A promise, the measurement, and whether the service kept the promise.

    `judged_short` is False for a measurement that a busy machine or a short run distorts.
    """

    promise: str
    measured: str
    kept: bool
    judged_short: bool = True

    @property
    def row(self) -> str:
        """The row of the table."""
        return f"| {self.promise} | {self.measured} | {'yes' if self.kept else '**no**'} |"


def predict_request(photo: bytes, query: str = "") -> bytes:
    """Return a request that posts `photo` to /model/predict and accepts gzip."""
    return post(form(photo), f"/model/predict{query}", GZIP)


def photos() -> Iterator[bytes]:
    """Yield requests for label maps of the sample photos in turn, without an end."""
    return itertools.cycle([predict_request(photo.read_bytes()) for photo in (ASTRONAUT, CHELSEA)])


async def memory_at_rest(service: ServiceProcess, rest: float = REST) -> float:
    """Return the resident memory of the service in MB, after `rest` seconds without a request."""
    await asyncio.sleep(rest)
    return service.memory_megabytes()
