"""Uploads and responses in memory: counted while they are held, and freed with their request."""

import gc
from io import BytesIO

from flask import Flask
from werkzeug.test import EnvironBuilder

from api.budget import MemoryBudget
from api.uploads import InMemoryRequest, upload_bytes
from tests.support.http_client import upload
from tests.support.paths import CHELSEA


def test_upload_is_counted_until_its_request_ends_and_is_not_copied() -> None:
    app = Flask("memory")
    app.request_class = InMemoryRequest
    budget = app.extensions["budget"] = MemoryBudget(1_000_000)
    environ = EnvironBuilder(method="POST", data={"image": (BytesIO(b"a" * 100_000), "a.jpg")}).get_environ()
    with app.request_context(environ) as context:
        file = context.request.files["image"]
        assert budget.reserved == 100_000
        assert upload_bytes(file) == b"a" * 100_000
        assert upload_bytes(file) is upload_bytes(file)
    assert budget.reserved == 0


def test_upload_beyond_budget_returns_503_and_releases_its_bytes(app: Flask) -> None:
    budget: MemoryBudget = app.extensions["budget"]
    photo = CHELSEA.read_bytes()
    before = budget.reserved  # responses that other tests have not closed
    rest = budget.limit - before - len(photo) // 2
    budget.reserve(rest)
    try:
        response = app.test_client().post("/model/predict", **upload(photo))
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"
        assert "QUEUE_SIZE x MAX_UPLOAD_MB" in response.get_json()["message"]
    finally:
        budget.release(rest)
    assert budget.reserved == before
    good = app.test_client().post("/model/predict", **upload(photo))
    assert good.status_code == 200
    good.close()
    assert budget.reserved == before


def test_response_is_counted_until_it_is_closed(app: Flask) -> None:
    budget: MemoryBudget = app.extensions["budget"]
    before = budget.reserved
    response = app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()))
    assert budget.reserved - before == len(response.get_data()) > 100_000
    response.close()
    assert budget.reserved == before


def test_request_is_freed_without_a_garbage_collection(app: Flask) -> None:
    gc.collect()
    gc.disable()
    try:
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes())).close()
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()[:5000])).close()
        assert [found for found in gc.get_objects() if isinstance(found, InMemoryRequest)] == []
    finally:
        gc.enable()
