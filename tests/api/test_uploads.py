"""Uploads in memory: never copied, and freed with their request."""

import gc
from io import BytesIO

from flask import Flask
from werkzeug.test import EnvironBuilder

from api.uploads import InMemoryRequest, upload_bytes
from tests.support.http_client import upload
from tests.support.paths import CHELSEA


def test_upload_bytes_are_not_copied() -> None:
    app = Flask("memory")
    app.request_class = InMemoryRequest
    environ = EnvironBuilder(method="POST", data={"image": (BytesIO(b"a" * 100_000), "a.jpg")}).get_environ()
    with app.request_context(environ) as context:
        file = context.request.files["image"]
        assert upload_bytes(file) == b"a" * 100_000
        assert upload_bytes(file) is upload_bytes(file)


def test_request_is_freed_without_a_garbage_collection(app: Flask) -> None:
    gc.collect()
    gc.disable()
    try:
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes())).close()
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()[:5000])).close()
        assert [found for found in gc.get_objects() if isinstance(found, InMemoryRequest)] == []
    finally:
        gc.enable()
