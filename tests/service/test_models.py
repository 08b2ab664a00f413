"""Models other than the bundled one, over HTTP: a custom graph with its own classes, and the full model."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from assets.small_graph import small_graph
from core.output.render import COLOURS
from tests.support.model_zoo import Zoo, archive_of, sha512_of
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT, ServiceProcess, refused_start, running_service

# The classes of the custom graph, and their ids in the mobile graph.
CLASSES = {"nothing": 0, "Cat": 8, "dog": 12, "human being": 15, "train": 19}
IMAGE_SIZE = 257


@pytest.fixture(scope="module")
def custom_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mobile graph with five of its classes: its last convolution has five outputs."""
    path = tmp_path_factory.mktemp("custom") / "custom.pb"
    path.write_bytes(small_graph([*CLASSES.values()]).SerializeToString())
    return path


@pytest.fixture(scope="module", params=["graph and labels", pytest.param("archive", marks=pytest.mark.slow)])
def custom_service(
    request: pytest.FixtureRequest, custom_graph: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A service of the custom graph."""
    folder = tmp_path_factory.mktemp("service")
    labels = "\n".join(CLASSES).encode()
    if request.param == "archive":
        settings = {"MODEL_PATH": str(archive_of(custom_graph, folder, labels))}
    else:
        (folder / "names").write_bytes(labels)
        settings = {"MODEL_PATH": str(custom_graph), "MODEL_LABELS": str(folder / "names")}
    with running_service(log=folder / "log", IMAGE_SIZE=str(IMAGE_SIZE), **settings) as service:
        yield service
        assert service.stop() == 0


def get(service: ServiceProcess, path: str) -> requests.Response:
    return requests.get(f"{service.url}{path}", timeout=TIMEOUT)


def test_custom_graph_is_described_with_its_classes(custom_service: ServiceProcess) -> None:
    labels = get(custom_service, "/model/labels").json()
    assert [(label["id"], label["name"]) for label in labels] == list(enumerate(CLASSES))
    serving = get(custom_service, "/model/metadata").json()["serving"]
    assert (serving["model_type"], serving["num_classes"]) == ("own", 5)
    swagger = get(custom_service, "/swagger.json").json()
    [classes] = (p for p in swagger["paths"]["/model/predict"]["post"]["parameters"] if p["name"] == "classes")
    assert classes["description"].endswith(". The classes: nothing, Cat, dog, human being, train")
    assert "VOC" not in str(swagger)
    assert set(swagger["paths"]) >= {"/model/predict", "/model/metadata", "/model/labels"}


def test_custom_graph_predicts_its_classes_in_every_output(custom_service: ServiceProcess) -> None:
    cat = np.array(custom_service.predict(CHELSEA.read_bytes()).json()["seg_map"])
    assert np.mean(cat == 1) > 0.7
    photo = ASTRONAUT.read_bytes()
    person = np.array(custom_service.predict(photo).json()["seg_map"])
    assert np.mean(person == 3) > 0.4
    only = custom_service.predict(photo, params={"classes": "Human Being"}).json()["seg_map"]
    assert np.array_equal(np.array(only) == 3, person == 3)
    mask = custom_service.predict(photo, params={"output": "mask"})
    with Image.open(io.BytesIO(mask.content)) as image:
        assert np.array_equal(np.asarray(image), person)
        assert tuple(np.asarray(image.convert("RGB"))[person == 3][0]) == tuple(COLOURS[3])
    objects = custom_service.predict(photo, params={"output": "objects"}).json()["objects"]
    assert objects[0]["label"] == "human being"
    unknown = custom_service.predict(photo, params={"classes": "person"})
    assert unknown.status_code == 400
    assert "3 human being" in unknown.json()["message"]


def test_overlay_of_class_that_is_not_in_the_photo_is_the_resized_photo(custom_service: ServiceProcess) -> None:
    overlay = custom_service.predict(ASTRONAUT.read_bytes(), params={"output": "overlay", "classes": "dog"})
    size = (IMAGE_SIZE, IMAGE_SIZE)
    with Image.open(io.BytesIO(overlay.content)) as image, Image.open(ASTRONAUT) as photo:
        assert image.size == size
        photo.draft(None, size)  # decodes at half the size, as the service does
        resized = np.asarray(photo.resize(size, Image.Resampling.LANCZOS)).astype(int)
        assert np.mean(np.abs(np.asarray(image) - resized).max(axis=-1) == 0) > 0.99


@pytest.mark.slow
def test_start_with_custom_graph_and_wrong_number_of_names_ends_with_one_line(custom_graph: Path) -> None:
    assert "has 5 classes, but there are 21 names: background" in refused_start(MODEL_PATH=str(custom_graph))


def test_start_with_duplicate_names_ends_with_one_line(custom_graph: Path, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("a\nb\nb\n")
    assert "line 3: 'b'" in refused_start(MODEL_PATH=str(custom_graph), MODEL_LABELS=str(names))


def test_start_with_full_model_without_its_graph_ends_with_the_command_to_fetch_it(tmp_path: Path) -> None:
    message = refused_start(MODEL_TYPE="full", MODEL_CACHE=str(tmp_path))
    assert "get it with: python cli.py fetch full" in message


def fetch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "cli.py", "fetch", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


@pytest.mark.slow
def test_full_model_after_fetch_is_served(full_zoo: tuple[Zoo, Path], tmp_path: Path) -> None:
    server, graph = full_zoo
    sha512 = sha512_of(graph)
    settings = {
        "MODEL_TYPE": "full",
        "MODEL_CACHE": str(tmp_path / "cache"),
        "MODEL_MIRROR": server.url,
        "MODEL_SHA512": f"full={sha512}",
    }
    refused_graph = fetch("full", **settings | {"MODEL_SHA512": ""})
    assert refused_graph.returncode == 1
    assert refused_graph.stderr.splitlines()[-1].startswith("Error: the graph in ")
    server.cut, server.cuts = 50_000_000, 1
    fetched = fetch("full", **settings)
    assert fetched.returncode == 0, fetched.stderr
    [cached] = (tmp_path / "cache").iterdir()
    assert fetched.stdout == f"{cached}\n"
    assert server.asked[-1].startswith("bytes=49")
    asked = len(server.asked)
    assert fetch("full", **settings).returncode == 0
    assert len(server.asked) == asked  # the graph in the cache is used

    log = tmp_path / "log"
    with running_service(log=log, **settings) as service:
        serving = get(service, "/model/metadata").json()["serving"]
        assert (serving["model_type"], serving["backbone"], serving["num_classes"]) == ("full", "Xception-65", 21)
        assert "/model/predict" in get(service, "/swagger.json").json()["paths"]
        body = service.predict(CHELSEA.read_bytes()).json()
        assert body["image_size"] == [513, 341]
        assert np.mean(np.array(body["seg_map"]) == 8) > 0.7
        assert service.stop() == 0
    assert log.read_text().count("is verified with MODEL_SHA512") >= 1
