"""What the parts of soak.py share: a promise with what was measured, and the photos that are sent."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.http_client import form, post
from tests.support.service import Running
from tests.conftest import ASTRONAUT, CHELSEA

# Seconds after which the service has given back what it does not need.
REST = 8.0
# What may be answered when more is asked than can be done.
REFUSED = {200, 503}


@dataclass(frozen=True)
class Line:
    """A promise, what was measured, and whether it was kept."""

    promise: str
    measured: str
    kept: bool
    judged_short: bool = True  # False for a figure that a busy machine or a short run spoils


def photos() -> Iterator[bytes]:
    """Return requests for maps of the sample photos, without an end."""
    return itertools.cycle([post(form(photo.read_bytes())) for photo in (ASTRONAUT, CHELSEA)])


async def at_rest(service: Running, rest: float = REST) -> float:
    """Return the MB that the service needs when nothing has been asked of it for `rest` seconds."""
    await asyncio.sleep(rest)
    return service.megabytes()
