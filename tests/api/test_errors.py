"""Errors: the status, the JSON message and the headers of each."""

import re

import pytest
from flask import Flask
from werkzeug.test import Client

import core.errors
from api.errors import STATUS
from config import Settings
from core.errors import ModelError, SegmenterError, Unavailable
from core.model import ModelWrapper
from tests.support.application import application, occupied, predict
from tests.support.http_client import FORM_TYPE


@pytest.mark.parametrize("path", ["/nope", "/model/nope", "/swaggerui/nope.js", "/model/predict/"])
def test_unknown_path_returns_404_as_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.get_json() == {"message": f"{path} does not exist; / lists the addresses that do"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/model/predict", "POST"), ("DELETE", "/model/metadata", "GET")]
)
def test_wrong_method_returns_405_with_allowed_methods(client: Client, method: str, path: str, allowed: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert allowed in response.headers["Allow"]
    assert re.match(f"{method} is not allowed at {path}; allowed: .*{allowed}", response.get_json()["message"])


def test_upload_over_limit_returns_413_with_limit(app: Flask) -> None:
    limited = application(app.extensions["model"], max_upload_mb=1)
    response = limited.test_client().post("/model/predict", data=bytes(1_000_001), content_type=FORM_TYPE)
    assert response.status_code == 413
    assert "larger than 1 MB, the limit (MAX_UPLOAD_MB)" in response.get_json()["message"]


def test_predict_with_loading_model_returns_503_with_retry_after(loading_app: Flask) -> None:
    response = predict(loading_app.test_client())
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "still loading" in response.get_json()["message"]


def test_predict_with_full_queue_returns_503_until_a_place_is_free(client: Client, app: Flask) -> None:
    with occupied(app.extensions["model"].queue, Settings().queue_size):
        response = predict(client)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "QUEUE_SIZE" in response.get_json()["message"]
    assert predict(client).status_code == 200


def errors_of_requests() -> list[type[SegmenterError]]:
    """Return the exceptions that a request can raise; a ModelError ends the start."""
    classes = [value for value in vars(core.errors).values() if isinstance(value, type)]
    return [
        class_
        for class_ in classes
        if issubclass(class_, SegmenterError) and class_ not in (SegmenterError, ModelError)
    ]


@pytest.mark.parametrize("error", errors_of_requests(), ids=lambda error: error.__name__)
def test_exception_of_core_becomes_response_with_its_status_and_message(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: type[SegmenterError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("the message", 7) if issubclass(error, Unavailable) else error("the message")

    monkeypatch.setattr(ModelWrapper, "segment", fail)
    response = predict(client)
    [status] = {status for kind, status in STATUS.items() if issubclass(error, kind)}
    assert response.status_code == status
    assert response.get_json() == {"message": "the message"}
    assert response.headers.get("Retry-After") == ("7" if issubclass(error, Unavailable) else None)


def test_unexpected_exception_returns_500_without_its_text_and_logs_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(ModelWrapper, "segment", fail)
    response = predict(client)
    assert response.status_code == 500
    assert response.get_json() == {"message": "the service failed at this request; its log has the reason"}
    assert "secret detail" in caplog.text
