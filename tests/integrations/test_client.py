"""The client of the service: retries, and messages of failures."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import flask
import pytest

from integrations import client
from integrations.client import Client, ServiceError
from tests.integrations.masks import API_KEY
from tests.integrations.servers import serving
from tests.support.paths import CHELSEA
from tests.support.service import ServiceProcess, free_port


@contextmanager
def busy(times: int) -> Iterator[tuple[str, list[str]]]:
    """Serve labels and no objects, after `times` answers with 503; yield the URL and a list of the requests' keys."""
    app, keys = flask.Flask(__name__), list[str]()

    @app.before_request
    def reject() -> flask.Response | None:
        keys.append(flask.request.headers["X-API-Key"])
        if len(keys) > times:
            return None
        return flask.make_response({"message": "the queue is full"}, 503, {"Retry-After": "0"})

    app.get("/model/labels", endpoint="labels")(lambda: [{"id": 0, "name": "background"}, {"id": 1, "name": "cat"}])
    app.post("/model/predict", endpoint="predict")(lambda: {"objects": []})
    with serving(app) as url:
        yield url, keys


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    monkeypatch.setattr(client, "RETRIES", client.RETRIES.new(backoff_factor=0))


@pytest.mark.usefixtures("impatient")
def test_client_of_busy_service_asks_again_with_its_key() -> None:
    with busy(times=2) as (url, keys):
        assert Client(url, "secret").labels() == {1: "cat"}
        assert keys == ["secret"] * 3


@pytest.mark.usefixtures("impatient")
def test_client_of_busy_service_sends_the_photo_again() -> None:
    with busy(times=2) as (url, keys):
        assert Client(url, "secret").segment(b"photo", [1], polygons=False) == []
        assert len(keys) == 3


@pytest.mark.usefixtures("impatient")
def test_client_of_service_that_stays_busy_raises_with_the_message_of_the_service() -> None:
    with busy(times=100) as (url, _), pytest.raises(ServiceError, match="answered 503: the queue is full") as raised:
        Client(url, "secret").labels()
    assert raised.value.status == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.usefixtures("impatient")
def test_client_without_service_names_its_url_and_the_fix() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServiceError, match=f"no answer from {re.escape(url)}: .*refused; start the service, or"):
        Client(url).labels()


def test_client_with_wrong_key_passes_on_the_message_of_the_service(keyed_service: ServiceProcess) -> None:
    with pytest.raises(ServiceError, match=r"answered 401: .*X-API-Key"):
        Client(keyed_service.url, "wrong").segment(CHELSEA.read_bytes(), [8], polygons=False)


def test_client_of_page_that_is_not_the_service_says_so() -> None:
    app = flask.Flask(__name__)
    app.get("/model/labels")(lambda: "<html>")
    with serving(app) as url, pytest.raises(ServiceError, match="without the JSON of the service; correct its URL"):
        Client(url).labels()


def test_client_with_url_without_scheme_raises_value_error() -> None:
    with pytest.raises(ValueError, match="url: 'localhost:5000' is not allowed"):
        Client("localhost:5000")


def test_segment_without_classes_returns_no_region(keyed_service: ServiceProcess) -> None:
    # The service takes an empty list for all classes.
    assert Client(keyed_service.url, API_KEY).segment(CHELSEA.read_bytes(), [], polygons=False) == []
