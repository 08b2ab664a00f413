"""The real service over HTTP: `python app.py`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from core.runtime.cpu import computes_int8
from core.weights.registry import MOBILE
from tests.support.blockable_service import BlockableService
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, refused_start, running_service

PERSON, CAT = 15, 8


@pytest.mark.parametrize(
    ("photo", "class_", "fraction"), [(ASTRONAUT, PERSON, 0.4), (CHELSEA, CAT, 0.7)], ids=["astronaut", "chelsea"]
)
def test_predict_of_sample_photo_finds_its_class(
    service: ServiceProcess, photo: Path, class_: int, fraction: float
) -> None:
    body = service.predict(photo.read_bytes()).json()
    seg_map = np.array(body["seg_map"])
    width, height = body["image_size"]
    assert seg_map.shape == (height, width)
    assert np.mean(seg_map == class_) > fraction


@pytest.mark.skipif(not computes_int8(), reason="TensorFlow has no kernels of int8 for this CPU")
def test_service_with_int8_gives_the_labels_of_float32_at_most_pixels(service: ServiceProcess) -> None:
    with running_service(PRECISION="int8") as int8:
        metadata = requests.get(f"{int8.url}/model/metadata", timeout=TIMEOUT).json()
        assert metadata["serving"]["precision"] == "int8"
        for photo in (ASTRONAUT, CHELSEA):
            maps = [np.array(one.predict(photo.read_bytes()).json()["seg_map"]) for one in (int8, service)]
            assert np.mean(maps[0] == maps[1]) > 0.97


def test_start_with_int8_and_graph_without_calibration_prints_one_line(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(MOBILE.read_bytes())
    line = refused_start(PRECISION="int8", MODEL_PATH=str(path))
    assert line == (
        f"error: PRECISION=int8 needs {tmp_path / 'graph.int8.json'}, which does not exist; "
        "make it with: python cli.py calibrate FOLDER, a folder of photos"
    )


def test_predict_of_photo_with_aspect_ratio_2_to_1_returns_513_x_256(service: ServiceProcess) -> None:
    with Image.open(ASTRONAUT) as photo:
        wide = encode(photo.resize((1200, 600)), "JPEG")
    assert service.predict(wide).json()["image_size"] == [513, 256]


def test_predict_by_eight_clients_at_once_returns_the_map_of_each_photo(small_service: BlockableService) -> None:
    photos = [ASTRONAUT.read_bytes(), CHELSEA.read_bytes()] * 4
    expected = [small_service.predict(photo).content for photo in photos[:2]] * 4
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(len(photos)) as clients:
        for _ in range(6):
            assert [response.content for response in clients.map(small_service.predict, photos)] == expected


# The smallest size, the first that is too large for the frozen graph itself, and the largest.
@pytest.mark.slow
@pytest.mark.parametrize(("size", "canvas"), [(16, "fit"), (514, "fit"), (1024, "fixed")])
def test_service_with_any_image_size_answers_any_shape(size: int, canvas: str) -> None:
    with running_service(IMAGE_SIZE=str(size), CANVAS=canvas) as service:
        for width, height in ((200, 200), (500, 10), (10, 500)):
            response = service.predict(encode(Image.new("RGB", (width, height), "teal")))
            expected = [max(1, size * side // max(width, height)) for side in (width, height)]
            assert response.status_code == 200
            assert response.json()["image_size"] == expected
            assert np.array(response.json()["seg_map"]).shape == (expected[1], expected[0])
        assert service.stop() == 0


def test_start_with_file_that_is_not_a_graph_ends_with_one_line(tmp_path: Path) -> None:
    # The worker process finds out, when it loads the graph.
    path = tmp_path / "wrong.pb"
    path.write_text("not a graph")
    message = refused_start(MODEL_PATH=str(path))
    assert "wrong.pb is not a frozen DeepLab graph: expected a serialized TensorFlow GraphDef" in message


@pytest.mark.slow
def test_debug_server_answers_predict() -> None:
    with running_service(DEBUG="true", IMAGE_SIZE="65") as service:
        assert service.predict(CHELSEA.read_bytes()).json()["image_size"] == [65, 43]
