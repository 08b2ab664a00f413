"""A refusal that Flask never sees is the one that Flask would give."""

from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from api.refusal import Refusal
from app import create_app
from config import Settings
from tests.conftest import CHELSEA
from tests.test_api import upload

KEY = "a key"
ORIGIN = "https://page.example"


@pytest.fixture(scope="module")
def app() -> Flask:
    """An application that has all that might differ: a key and another page's origin."""
    app = create_app(Settings(api_key=KEY, cors_enable=True, cors_origins=(ORIGIN,)))
    app.extensions["model"].loading.result(timeout=60)
    return app


@pytest.fixture
def busy(app: Flask) -> Iterator[Flask]:
    executor = app.extensions["model"].executor
    with ExitStack() as places:
        for _ in range(executor.size):
            places.enter_context(executor.admit())
        yield app


def ask(app: Flask, **headers: str) -> Any:
    return app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()), headers=headers)


def counted(app: Flask) -> float:
    labels = {"method": "POST", "path": "/model/predict", "status": "503"}
    return app.extensions["metrics"].registry.get_sample_value("segmenter_requests_total", labels) or 0


def test_it_is_flasks_own_refusal(busy: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-API-Key": KEY, "X-Request-ID": "mine"}
    before = counted(busy)
    with monkeypatch.context() as patch:
        # It would fail if the request came to it.
        patch.setattr(Flask, "full_dispatch_request", None)
        short = ask(busy, **headers)
    refusal = busy.wsgi_app
    assert isinstance(refusal, Refusal)
    monkeypatch.setattr(busy, "wsgi_app", refusal._app)
    long = ask(busy, **headers)
    assert short.status_code == long.status_code == 503
    assert short.data == long.data
    # Which origins may read it is nobody's question here.
    assert dict(short.headers) == {k: v for k, v in long.headers.items() if not k.startswith("Access-Control-")}
    assert short.headers["X-Request-ID"] == "mine"
    assert counted(busy) == before + 2


@pytest.mark.parametrize("key", ["", "another key", "ü"])
def test_without_the_key_nobody_is_told_that_the_service_is_busy(busy: Flask, key: str) -> None:
    assert ask(busy, **{"X-API-Key": key}).status_code == 401


def test_a_page_of_another_origin_may_read_it(busy: Flask) -> None:
    answer = ask(busy, **{"X-API-Key": KEY, "Origin": ORIGIN})
    assert answer.status_code == 503
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_what_came_with_it_is_read_unless_it_is_too_much(busy: Flask) -> None:
    for size, left in ((1000, 0), (busy.config["MAX_CONTENT_LENGTH"] + 1, busy.config["MAX_CONTENT_LENGTH"] + 1)):
        body = BytesIO(bytes(size))
        headers = {"X-API-Key": KEY}
        answer = busy.test_client().post("/model/predict", input_stream=body, content_length=size, headers=headers)
        assert answer.status_code == 503
        assert size - body.tell() == left


def test_others_are_answered_meanwhile(busy: Flask) -> None:
    client = busy.test_client()
    assert client.get("/health/live").status_code == 200
    assert client.get("/model/predict", headers={"X-API-Key": KEY}).status_code == 405
