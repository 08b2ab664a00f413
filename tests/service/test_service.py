"""The real service over real HTTP: `python app.py`, from start to SIGTERM."""

import json
import re
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess, refused_start, running_service

PERSON, CAT = 15, 8


def test_a_photo_comes_back_as_its_map(service: ServiceProcess) -> None:
    for photo, class_, share in ((ASTRONAUT, PERSON, 0.4), (CHELSEA, CAT, 0.7)):
        body = service.predict(photo.read_bytes()).json()
        seg_map = np.array(body["seg_map"])
        width, height = body["image_size"]
        assert seg_map.shape == (height, width)
        assert np.mean(seg_map == class_) > share


def test_a_2_to_1_photo_comes_out_as_513_by_256(service: ServiceProcess) -> None:
    file = BytesIO()
    Image.open(ASTRONAUT).resize((1200, 600)).save(file, "JPEG")
    assert service.predict(file.getvalue()).json()["image_size"] == [513, 256]


def test_eight_clients_at_once_get_right_answers_while_health_answers(service: ServiceProcess) -> None:
    photos = [ASTRONAUT.read_bytes(), CHELSEA.read_bytes()]
    expected = [service.predict(photo).content for photo in photos]
    latencies: list[float] = []
    done = threading.Event()

    def probe() -> None:
        while not done.is_set():
            began = time.monotonic()
            assert requests.get(f"{service.url}/health/ready", timeout=10).status_code == 200
            latencies.append(time.monotonic() - began)
            time.sleep(0.02)

    def client(number: int) -> None:
        for round_ in range(3):
            which = (number + round_) % 2
            assert service.predict(photos[which]).content == expected[which]

    with ThreadPoolExecutor(9) as pool:
        probing = pool.submit(probe)
        try:
            for future in [pool.submit(client, number) for number in range(8)]:
                future.result()
        finally:
            done.set()
        probing.result()
    assert statistics.median(latencies) < 0.05


def test_connections_are_kept_alive(service: ServiceProcess) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{service.url}/health/live", timeout=10).headers["Connection"] == "keep-alive"


def test_the_log_is_free_of_tensorflows_noise(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running_service(log=log) as service:
        service.predict(CHELSEA.read_bytes())
        assert service.stop() == 0
    lines = log.read_text().splitlines()
    assert any("INFO 127.0.0.1 POST /model/predict 200" in line for line in lines)
    assert [line for line in lines if not re.match(r"\[\d{4}-\d\d-\d\d [\d:]{8} \+0000\] INFO ", line)] == []


def test_sigterm_lets_the_requests_in_flight_finish() -> None:
    with running_service() as service:
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(service.predict, ASTRONAUT.read_bytes()) for _ in range(4)]
            time.sleep(0.2)
            assert sum(answer.done() for answer in answers) < 4
            began = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began < 10
            assert [answer.result().status_code for answer in answers] == [200] * 4
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{service.url}/health/live", timeout=5)


def test_beyond_the_queue_requests_are_refused_at_once() -> None:
    with running_service(QUEUE_SIZE="2") as service:
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(service.predict, [ASTRONAUT.read_bytes()] * 10))
        assert service.stop() == 0
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert "QUEUE_SIZE" in answer.json()["message"]


# The least, the first that the frozen graph fails at, the most; test_engine.py has those between.
@pytest.mark.parametrize(("size", "canvas"), [(16, "fit"), (514, "fit"), (1024, "fixed")])
def test_every_image_size_answers_every_shape(size: int, canvas: str) -> None:
    with running_service(IMAGE_SIZE=str(size), CANVAS=canvas) as service:
        for width, height in ((200, 200), (500, 10), (10, 500)):
            file = BytesIO()
            Image.new("RGB", (width, height), "teal").save(file, "PNG")
            answer = service.predict(file.getvalue())
            expected = [max(1, size * side // max(width, height)) for side in (width, height)]
            assert answer.status_code == 200
            assert answer.json()["image_size"] == expected
            assert np.array(answer.json()["seg_map"]).shape == (expected[1], expected[0])
        assert service.stop() == 0


def test_a_model_that_fails_to_load_ends_the_service_with_one_line(tmp_path: Path) -> None:
    """The file is there and holds no graph: what a start finds out only after the fork."""
    path = tmp_path / "wrong.pb"
    path.write_text("not a graph")
    message = refused_start(MODEL_PATH=str(path))
    assert "wrong.pb is not a frozen DeepLab graph: expected a serialized TensorFlow GraphDef" in message


def test_the_debug_server_answers() -> None:
    with running_service(DEBUG="true") as service:
        body = json.loads(service.predict(CHELSEA.read_bytes()).content)
    assert body["image_size"] == [513, 341]
