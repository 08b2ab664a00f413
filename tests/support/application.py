"""Applications in the process of the tests: requests to them, and a queue that is occupied."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

from flask import Flask
from PIL import Image
from werkzeug.test import Client, TestResponse

import api
from api.metrics import Metrics
from api.protocols import Route, route_of
from config import Settings
from core.model import ModelWrapper
from core.runtime.queue import RequestQueue
from server.gate import Gate
from server.wsgi import environ_of
from tests.support.asgi import AsgiAsWsgi, scope
from tests.support.http_client import upload
from tests.support.paths import CHELSEA
from tests.support.service import wait_for


def application(model: ModelWrapper, **settings: Any) -> Flask:
    """Return an application with other settings for HTTP, on a model that exists already."""
    app = Flask("segmenter", static_folder=None)
    api.init_app(app, Settings(**settings), model, Metrics())
    return app


def route(app: Flask, method: str, path: str) -> Route:
    """Return the route of a request to `app`. Raises HTTPException if it has none."""
    return route_of(app, environ_of(scope(path, method)))


def gated(app: Flask, **settings: Any) -> Client:
    """Return a client of the gate in front of `app`, with `settings`."""
    return Client(AsgiAsWsgi(Gate(app, Settings(**settings))))


def predict(client: Client, query: str = "", photo: Path = CHELSEA, **options: Any) -> TestResponse:
    """Post `photo` to /model/predict; `options` are those of Client.post()."""
    return client.post(f"/model/predict{query}", **upload(photo.read_bytes()), **options)


def opened(response: TestResponse, format_: str = "PNG") -> Image.Image:
    """Return the image in a response, which must have this format."""
    assert (response.status_code, response.mimetype) == (200, f"image/{format_.lower()}")
    image = Image.open(BytesIO(response.data), formats=[format_])
    image.load()
    return image


@contextmanager
def occupied(queue: RequestQueue, requests: int) -> Iterator[None]:
    """Occupy places of `queue` with requests that run or wait until the end of the block."""
    release = Event()
    with ThreadPoolExecutor(requests) as clients:
        try:
            for _ in range(requests):
                clients.submit(queue.run, release.wait)
            wait_for(lambda: queue.admitted == requests and queue.waiting == max(0, requests - queue.workers))
            yield
        finally:
            release.set()
