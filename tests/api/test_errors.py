"""Errors: the status, the JSON message and the headers of each."""

import re

import pytest
from werkzeug.test import Client

import core.errors
from api.errors import STATUS
from core.errors import ModelError, SegmenterError, Unavailable
from core.model import ModelWrapper
from tests.support.application import predict


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


@pytest.mark.parametrize("path", ["/demo/page.css", "/swagger.css", "/swaggerui/swagger-ui.css"])
@pytest.mark.parametrize(
    ("condition", "status", "message"),
    [
        ({"Range": "bytes=9999999-"}, 416, "the header Range is outside the "),
        ({"If-Match": '"another"'}, 412, "{path} has changed, or never had this version"),
    ],
)
def test_file_with_condition_that_is_not_met_returns_json(
    client: Client, path: str, condition: dict[str, str], status: int, message: str
) -> None:
    for headers in (condition, condition | {"Accept-Encoding": "gzip"}):
        response = client.get(path, headers=headers)
        assert (response.status_code, response.mimetype) == (status, "application/json")
        assert response.get_json()["message"].startswith(message.format(path=path))
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/demo", "/model/labels", "/metrics"])
def test_upgrade_to_websocket_returns_400_that_names_the_header(client: Client, path: str) -> None:
    response = client.get(path, headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert response.status_code == 400
    message = "the header Upgrade: websocket is not served; send a plain HTTP request"
    assert response.get_json() == {"message": message}


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
