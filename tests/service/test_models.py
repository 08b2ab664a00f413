"""Other models than the bundled one, end to end: the full one, fetched, and one of the user's own."""

import hashlib
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

from core.output.render import COLOURS
from core.tensorflow import tf
from core.weights.registry import MOBILE
from tests.support.model_zoo import Zoo, archive_of, sha512_of
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT, ServiceProcess, refused_start, running_service

LANCZOS = Image.Resampling.LANCZOS
# The classes of the graph of one's own, by their ids in the mobile graph.
CHOSEN = {"nothing": 0, "Cat": 8, "dog": 12, "human being": 15, "train": 19}


@pytest.fixture(scope="module")
def own_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mobile graph with five of its classes: its last convolution has five outputs."""
    graph_def = tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes())
    for node in graph_def.node:
        if node.op == "Const" and "logits/semantic" in node.name:
            value = tf.make_ndarray(node.attr["value"].tensor)[..., list(CHOSEN.values())]
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    path = tmp_path_factory.mktemp("own") / "own.pb"
    path.write_bytes(graph_def.SerializeToString())
    return path


@pytest.fixture(scope="module", params=["graph and labels", "archive"])
def own_service(
    request: pytest.FixtureRequest, own_graph: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    labels = "\n".join(CHOSEN).encode()
    if request.param == "archive":
        settings = {"MODEL_PATH": str(archive_of(own_graph, folder, labels))}
    else:
        (folder / "names").write_bytes(labels)
        settings = {"MODEL_PATH": str(own_graph), "MODEL_LABELS": str(folder / "names")}
    with running_service(log=folder / "log", **settings) as service:
        yield service
        assert service.stop() == 0


def test_a_graph_of_ones_own_is_served_with_its_own_classes(own_service: ServiceProcess, own_graph: Path) -> None:
    labels = requests.get(f"{own_service.url}/model/labels", timeout=10).json()
    assert labels == [{"id": id_, "name": name} for id_, name in enumerate(CHOSEN)]
    serving = requests.get(f"{own_service.url}/model/metadata", timeout=10).json()["serving"]
    assert (serving["model_type"], serving["num_classes"]) == ("own", 5)
    swagger = requests.get(f"{own_service.url}/swagger.json", timeout=10).json()
    [classes] = (p for p in swagger["paths"]["/model/predict"]["post"]["parameters"] if p["name"] == "classes")
    assert classes["description"].endswith("nothing, Cat, dog, human being, train")
    assert set(swagger["paths"]) >= {"/model/predict", "/model/metadata", "/model/labels"}

    cat = np.array(own_service.predict(CHELSEA.read_bytes()).json()["seg_map"])
    assert np.mean(cat == 1) > 0.7
    person = np.array(own_service.predict(ASTRONAUT.read_bytes()).json()["seg_map"])
    assert np.mean(person == 3) > 0.4
    only = own_service.predict(ASTRONAUT.read_bytes(), params={"classes": "Human Being"}).json()["seg_map"]
    assert np.array_equal(np.array(only) == 3, person == 3)
    mask = own_service.predict(ASTRONAUT.read_bytes(), params={"output": "mask"})
    with Image.open(io.BytesIO(mask.content)) as image:
        assert np.array_equal(np.asarray(image), person)
        assert tuple(np.asarray(image.convert("RGB"))[person == 3][0]) == tuple(COLOURS[3])
    overlay = own_service.predict(ASTRONAUT.read_bytes(), params={"output": "overlay", "classes": "dog"})
    with Image.open(io.BytesIO(overlay.content)) as image, Image.open(ASTRONAUT) as photo:
        assert image.size == (513, 513)
        unchanged = np.abs(np.asarray(image).astype(int) - np.asarray(photo.resize((513, 513), LANCZOS))).max(axis=-1)
        assert np.mean(unchanged == 0) > 0.99  # there is no dog
    objects = own_service.predict(ASTRONAUT.read_bytes(), params={"output": "objects"}).json()["objects"]
    assert objects[0]["label"] == "human being"
    unknown = own_service.predict(ASTRONAUT.read_bytes(), params={"classes": "person"})
    assert unknown.status_code == 400
    assert "3 human being" in unknown.json()["message"]


def test_a_graph_with_other_classes_than_names_ends_the_service(own_graph: Path, tmp_path: Path) -> None:
    assert "has 5 classes, but there are 21 names: background" in refused_start(MODEL_PATH=str(own_graph))
    assert "MODEL_LABELS='x' can't be used without MODEL_PATH" in refused_start(MODEL_LABELS="x")
    (tmp_path / "names").write_text("a\nb\nb\n")
    assert "line 3: 'b'" in refused_start(MODEL_PATH=str(own_graph), MODEL_LABELS=str(tmp_path / "names"))


def test_full_without_its_graph_ends_the_service_with_the_command(tmp_path: Path) -> None:
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


def test_the_full_model_is_fetched_and_served(full_zoo: tuple[Zoo, Path], tmp_path: Path) -> None:
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
    got = fetch("full", **settings)
    assert got.returncode == 0, got.stderr
    [cached] = (tmp_path / "cache").iterdir()
    assert got.stdout == f"{cached}\n"
    assert server.asked[-1].startswith("bytes=49")
    asked = len(server.asked)
    assert fetch("full", **settings).returncode == 0
    assert len(server.asked) == asked  # it is there already

    log = tmp_path / "log"
    with running_service(log=log, **settings) as service:
        serving = requests.get(f"{service.url}/model/metadata", timeout=10).json()["serving"]
        assert (serving["model_type"], serving["backbone"], serving["num_classes"]) == ("full", "Xception-65", 21)
        swagger = requests.get(f"{service.url}/swagger.json", timeout=10).json()
        assert "/model/predict" in swagger["paths"]
        body = service.predict(CHELSEA.read_bytes()).json()
        assert body["image_size"] == [513, 341]
        assert np.mean(np.array(body["seg_map"]) == 8) > 0.7
        assert service.stop() == 0
    assert log.read_text().count("is checked against MODEL_SHA512") >= 1


def test_fetch_takes_a_file_and_knows_what_is_bundled(tmp_path: Path) -> None:
    assert fetch("mobile").stdout == f"{MOBILE}\n"
    sha512 = hashlib.sha512(MOBILE.read_bytes()).hexdigest()
    settings = {"MODEL_CACHE": str(tmp_path), "MODEL_SHA512": f"full={sha512}"}
    got = fetch("full", "--from", str(archive_of(MOBILE, tmp_path)), **settings)
    assert got.returncode == 0, got.stderr
    assert Path(got.stdout.strip()).read_bytes() == MOBILE.read_bytes()
    wrong = fetch("full", "--from", str(ASTRONAUT), **settings)
    assert wrong.returncode == 1
    assert "is not the graph of full" in wrong.stderr
    bad = fetch("full", **settings | {"MODEL_SHA512": "full=abc"})
    assert "MODEL_SHA512='full=abc' can't be used; allowed: full=SHA512, of 128 hexadecimal digits" in bad.stderr
