"""The bytes that are held: counted as they come, given back whatever becomes of the request, and limited."""

import gc
from io import BytesIO

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from api.uploads import InMemoryRequest, Memory, contents
from core.errors import MemoryFull
from tests.support.http_client import upload
from tests.support.paths import CHELSEA


def test_takes_no_more_than_its_limit() -> None:
    memory = Memory(10)
    memory.take(6)
    with pytest.raises(MemoryFull, match="has no room for more"):
        memory.take(5)
    memory.give_back(6)
    memory.take(10)
    assert memory.held == 10


def test_an_upload_is_counted_while_it_is_held_and_not_copied() -> None:
    app = Flask("memory")
    app.request_class = InMemoryRequest
    memory = app.extensions["memory"] = Memory(1_000_000)
    environ = EnvironBuilder(method="POST", data={"image": (BytesIO(b"a" * 100_000), "a.jpg")}).get_environ()
    with app.request_context(environ) as context:
        file = context.request.files["image"]
        assert memory.held == 100_000
        assert contents(file) == b"a" * 100_000
        assert contents(file) is contents(file)
    assert memory.held == 0


def test_beyond_the_limit_an_upload_is_503_and_what_it_took_is_given_back(app: Flask) -> None:
    memory: Memory = app.extensions["memory"]
    photo = CHELSEA.read_bytes()
    before = memory.held  # answers that other tests have not closed
    taken = memory.limit - before - len(photo) // 2
    memory.take(taken)
    try:
        answer = app.test_client().post("/model/predict", **upload(photo))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert "QUEUE_SIZE times MAX_UPLOAD_MB" in answer.get_json()["message"]
    finally:
        memory.give_back(taken)
    assert memory.held == before
    good = app.test_client().post("/model/predict", **upload(photo))
    assert good.status_code == 200
    good.close()
    assert memory.held == before


def test_an_answer_is_counted_until_it_is_sent(app: Flask) -> None:
    memory: Memory = app.extensions["memory"]
    before = memory.held
    answer = app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()))
    assert memory.held - before == len(answer.get_data()) > 100_000
    answer.close()
    assert memory.held == before


def test_an_upload_is_gone_with_its_request(app: Flask) -> None:
    gc.collect()
    gc.disable()
    try:
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes())).close()
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()[:5000])).close()
        assert [found for found in gc.get_objects() if isinstance(found, InMemoryRequest)] == []
    finally:
        gc.enable()
