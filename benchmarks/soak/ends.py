"""Requests that end early, by their deadline or by their client: what they cost afterwards."""

import asyncio
import socket
import time
from contextlib import closing

import numpy as np
from PIL import Image

from benchmarks.soak.checks import Check
from tests.support.http_client import GZIP, form, post
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.service import ServiceProcess, running_service

# Seconds after which an ended request may cost nothing, and for which its cost is then measured.
STOP, MEASURED = 1.0, 2.0
# CPU seconds in that time that are those of the service at rest.
RESTING = 0.2
REQUEST_TIMEOUT, DISCONNECT_AFTER = 3, 2.0
PATHS = (
    "/model/predict?size=original",
    "/model/predict?size=original&output=overlay",
    "/model/predict?size=original&output=cutout",
    "/model/predict?size=original&output=cutout&background=blur",
    "/model/predict?size=original&output=objects&shapes=polygons",
    "/model/predict?size=original&output=confidence",
    "/hf/image-segmentation",
)


def noise() -> bytes:
    """Return a JPEG of 50 megapixels, on which every stage of a request takes long."""
    pixels = np.random.default_rng(1).integers(0, 256, (7000, 7100, 3), np.uint8)
    return encode(Image.fromarray(pixels), "JPEG", quality=30)


async def cost_after_end(service: ServiceProcess) -> tuple[float, float]:
    """Return the CPU seconds of the service from STOP to STOP + MEASURED from now, and the places in its queue then."""
    await asyncio.sleep(STOP)
    before = service.cpu_seconds()
    await asyncio.sleep(MEASURED)
    return service.cpu_seconds() - before, await asyncio.to_thread(service.metric, "segmenter_queue_requests")


def disconnect(service: ServiceProcess, request: bytes) -> None:
    """Send `request`, and close the connection after a while."""
    with closing(socket.create_connection(("127.0.0.1", service.port))) as connection:
        connection.sendall(request)
        time.sleep(DISCONNECT_AFTER)


async def check_ends() -> list[Check]:
    """Let requests for each output of a picture of 50 megapixels end by their deadline, and by their client."""
    body = form(noise())
    costs: dict[str, list[tuple[float, float]]] = {"deadline passes": [], "client disconnects": []}
    with running_service(REQUEST_TIMEOUT=str(REQUEST_TIMEOUT)) as service:
        client = Client(service.port)
        for path in PATHS:
            request = post(body, path, GZIP)
            await client.ask(request)
            costs["deadline passes"].append(await cost_after_end(service))
            await asyncio.to_thread(disconnect, service, request)
            costs["client disconnects"].append(await cost_after_end(service))
        unready = not await asyncio.to_thread(service.ready)
    return [
        Check(
            f"{STOP:g} s after a request ends because its {end}, it costs nothing and has no place",
            f"{max(seconds for seconds, _ in found):.2f} s of CPU in {MEASURED:g} s at most, "
            f"{max(places for _, places in found):.0f} places; {dict(client.answers.statuses)}",
            all(seconds < RESTING and not places for seconds, places in found) and not unready,
        )
        for end, found in costs.items()
    ]
