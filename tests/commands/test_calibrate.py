"""`cli.py calibrate`: the file that it writes, the loss that it reports, and its errors."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cli import cli
from core.graph.frozen_graph import read_graph
from core.runtime.cpu import computes_int8
from core.runtime.engine import Engine
from core.tensorflow import tf
from core.types import EngineOptions
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA

SIZE = 257


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve parts of the sample photos."""
    folder = tmp_path_factory.mktemp("photos")
    for path in (ASTRONAUT, CHELSEA):
        with Image.open(path) as photo:
            for number in range(6):
                left = 20 * number
                photo.crop((left, 0, left + 300, 300)).save(folder / f"{path.stem}{number}.png")
    return folder


def calibrate(folder: Path, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["calibrate", str(folder)], env={"IMAGE_SIZE": str(SIZE)} | environment)


def test_calibrate_writes_a_file_with_which_int8_agrees_with_float32(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    shutil.copy(MOBILE, path)
    result = calibrate(photos, MODEL_PATH=str(path))
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path / 'graph.int8.json'}, from 9 photos, IMAGE_SIZE={SIZE}" in result.stdout
    losses = re.findall(r"int8, CPUs (with|without) VNNI: ([\d.]+)% of the labels of 3 held-out photos", result.stdout)
    assert [kind for kind, _ in losses] == ["with", "without"]
    assert all(float(percent) > 97 for _, percent in losses)
    if computes_int8():
        image = np.asarray(Image.open(CHELSEA).resize((SIZE, 171)))
        graph = read_graph(path)
        labels = [Engine(graph, EngineOptions(2, precision=precision)).run(image) for precision in ("float32", "int8")]
        assert np.mean(labels[0] == labels[1]) > 0.97


def test_calibrate_with_few_photos_names_the_number(tmp_path: Path) -> None:
    shutil.copy(CHELSEA, tmp_path)
    result = calibrate(tmp_path)
    assert result.exit_code == 1
    assert f"there are 1 photos in {tmp_path}, expected at least 10" in result.stderr


def test_calibrate_with_damaged_photo_names_it(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path, dirs_exist_ok=True)
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    result = calibrate(tmp_path)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'a.jpg'}: ")


def test_calibrate_of_graph_with_other_structure_names_graph_and_node(photos: Path, tmp_path: Path) -> None:
    graph_def = tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes())
    [node] = [node for node in graph_def.node if node.name == "MobilenetV2/expanded_conv_3/expand/Relu6"]
    node.op = "Elu"
    path = tmp_path / "graph.pb"
    path.write_bytes(graph_def.SerializeToString())
    result = calibrate(photos, MODEL_PATH=str(path))
    assert result.exit_code == 1
    line = f"Error: {path} can't be calibrated for int8: node {node.name} (Elu) is not part of a convolution"
    assert result.stderr.splitlines()[-1] == line
    assert list(tmp_path.iterdir()) == [path]
