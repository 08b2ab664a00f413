"""Bad input over real HTTP: each kind gets its documented 4xx as JSON, and the next good request its answer."""

from collections.abc import Iterator

import pytest
from PIL import Image

from tests.support.bad_input import IMAGES, JPEG, REQUESTS, Answer
from tests.support.images import encode
from tests.support.service import ServiceProcess, running_service


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that takes at most 2 MB."""
    with running_service(log=tmp_path_factory.mktemp("small") / "log", MAX_UPLOAD_MB="2") as service:
        yield service
        assert service.stop() == 0


def check(service: ServiceProcess, answer: Answer, status: int, part: str) -> None:
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == ["message"]
    assert part in answer.json()["message"]
    assert "Traceback" not in answer.text
    good = service.predict(JPEG)
    assert good.status_code == 200
    assert good.json()["image_size"] == [513, 341]


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_images(small: ServiceProcess, kind: str) -> None:
    data, status, part = IMAGES[kind]
    check(small, small.predict(data), status, part)


@pytest.mark.parametrize("kind", REQUESTS)
def test_bad_requests(small: ServiceProcess, kind: str) -> None:
    send, status, part = REQUESTS[kind]
    check(small, send(small), status, part)


@pytest.mark.parametrize(("size", "out"), [((1, 2000), [1, 513]), ((65_000, 1), [513, 1]), ((1, 1), [513, 513])])
def test_odd_but_good_shapes_are_served(small: ServiceProcess, size: tuple[int, int], out: list[int]) -> None:
    assert small.predict(encode(Image.new("RGB", size))).json()["image_size"] == out
