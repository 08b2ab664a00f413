"""Bad input over HTTP: each kind gets its 4xx as JSON, which tells nothing of the service, and does no harm."""

import re

import pytest
import requests
from PIL import Image

from tests.support.bad_bodies import ERROR_KEYS, damaged_bodies
from tests.support.bad_input import IMAGES, JPEG, REQUESTS, Answer
from tests.support.blockable_service import BlockableService
from tests.support.images import encode
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT, ServiceProcess

# A traceback, a path of this machine or of the Docker image, or the name of a library.
INTERNAL = re.compile(rf"Traceback|site-packages|{re.escape(str(ROOT))}|/service/|(?i:werkzeug|granian|hyper|pillow)")


def check(service: ServiceProcess, response: Answer, status: int, part: str) -> None:
    """Check the response to a bad request, and that a good request still succeeds."""
    assert response.status_code == status, response.text[:300]
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["message"]
    assert part in response.json()["message"]
    assert not INTERNAL.search(response.text), response.text[:500]
    check_headers(response)
    good = service.predict(JPEG)
    assert good.status_code == 200
    assert good.json()["image_size"] == [65, 43]


def check_headers(response: Answer) -> None:
    """Check that the headers tell no version."""
    assert not re.search(r"\d", response.headers.get("Server", "")), response.headers


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_image_returns_its_error(small_service: BlockableService, kind: str) -> None:
    data, status, part = IMAGES[kind]
    check(small_service, small_service.predict(data), status, part)


@pytest.mark.parametrize("kind", REQUESTS)
def test_bad_request_returns_its_error(small_service: BlockableService, kind: str) -> None:
    send, status, part = REQUESTS[kind]
    check(small_service, send(small_service), status, part)


def test_damaged_bodies_get_a_result_or_an_error_of_their_protocol(small_service: BlockableService) -> None:
    with small_service.log.open() as log, requests.Session() as session:
        log.seek(0, 2)
        statuses = set()
        for path, headers, body in damaged_bodies(600):
            response = session.post(f"{small_service.url}{path}", data=body, headers=headers, timeout=TIMEOUT)
            statuses.add(response.status_code)
            if response.status_code != 200:
                assert list(response.json()) == [ERROR_KEYS[path]]
        assert statuses <= {200, 400, 413, 415}
        assert {200, 400} <= statuses
        assert "Traceback" not in log.read()


@pytest.mark.parametrize(
    "path", ["/", "/swagger.json", "/openapi.json", "/v2", "/demo", "/health/live", "/metrics", "/model/labels"]
)
def test_good_request_returns_no_version_in_headers(small_service: BlockableService, path: str) -> None:
    response = requests.get(f"{small_service.url}{path}", timeout=TIMEOUT)
    assert response.status_code == 200
    check_headers(response)


@pytest.mark.parametrize(("size", "expected"), [((1, 2000), [1, 65]), ((65_000, 1), [65, 1]), ((1, 1), [65, 65])])
def test_image_with_extreme_shape_is_segmented(
    small_service: BlockableService, size: tuple[int, int], expected: list[int]
) -> None:
    assert small_service.predict(encode(Image.new("RGB", size))).json()["image_size"] == expected
