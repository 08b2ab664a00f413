"""`cli.py export`: each format runs in its own engine, with the labels of the service."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import cli
from commands.export import formats
from commands.export.formats import FORMATS
from core import export as core_export
from core.graph.frozen_graph import read_graph
from core.image.decode import read_image
from core.image.resize import resized
from core.runtime.engine import Engine
from core.types import EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT

SIZE = 129
ANY_SIZE = [suffix for suffix, format_ in FORMATS.items() if not format_.one_size]


def export(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["export", *map(str, arguments)], env={"IMAGE_SIZE": str(SIZE)} | environment)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The engine of the service."""
    return Engine(read_graph(MOBILE), EngineOptions(1))


@pytest.fixture(scope="module", autouse=True)
def _made_once() -> Iterator[None]:
    """Let the command make each portable graph and each engine once: each takes a second."""
    portable_graph = core_export.portable_graph
    graphs = cache(lambda canvas, size: portable_graph(read_graph(MOBILE), canvas, size, dilates=True))
    engines = cache(lambda options: Engine(read_graph(MOBILE), options))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(core_export, "portable_graph", lambda _, canvas, size, *, dilates: graphs(canvas, size))
        patched.setattr("core.runtime.engine.Engine", lambda _, options: engines(options))
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Result]]:
    """A function that exports the graph in the format with this suffix, once; it returns the file and the output."""

    @cache
    def write(suffix: str) -> tuple[Path, Result]:
        file = tmp_path_factory.mktemp("exported") / f"segmenter{suffix}"
        return file, export(file)

    return write


def photo(path: Path, side: int) -> UInt8Array:
    """Return a sample photo with a long side of `side` pixels."""
    return np.asarray(resized(read_image(path.read_bytes(), 10**7), side))


@pytest.mark.parametrize("suffix", ANY_SIZE)
def test_exported_graph_of_any_size_has_the_labels_of_the_service(
    engine: Engine, suffix: str, exported: Callable[[str], tuple[Path, Result]]
) -> None:
    file, result = exported(suffix)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"wrote {file}, {FORMATS[suffix].name}\n")
    assert "% of its labels of the sample photos are those of the service at float32" in result.output
    run = FORMATS[suffix].load(file)
    for path, side in ((ASTRONAUT, 257), (CHELSEA, 333), (CHELSEA, 600), (ASTRONAUT, 17)):
        image = photo(path, side)
        labels = run(image)
        assert (str(labels.dtype), labels.shape) == ("uint8", image.shape[:2])
        # Engines round differently.
        assert np.mean(labels == engine.run(image)) > 0.999


def test_exported_graph_of_one_size_has_the_labels_of_the_service(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "graph.tflite"
    result = export("--size", "257x170", file)
    assert result.exit_code == 0, result.output
    image = photo(CHELSEA, 257)
    labels = FORMATS[".tflite"].load(file)(image)
    assert (str(labels.dtype), labels.shape) == ("uint8", (170, 257))
    assert np.mean(labels == engine.run(image)) > 0.999


def test_example_of_documents_runs_an_exported_graph(
    tmp_path: Path, exported: Callable[[str], tuple[Path, Result]]
) -> None:
    (tmp_path / "segmenter.onnx").symlink_to(exported(".onnx")[0])
    [example] = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "models.md").read_text(), re.DOTALL)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    run = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"\(341, 513\) 7\d% is cat\n", run.stdout)


def test_exported_graph_of_fixed_canvas_has_its_labels(tmp_path: Path) -> None:
    file = tmp_path / "graph.pb"
    assert export(file, CANVAS="fixed").exit_code == 0
    fixed = Engine(read_graph(MOBILE), EngineOptions(1, "fixed"))
    image = photo(CHELSEA, 200)
    assert np.array_equal(FORMATS[".pb"].load(file)(image), fixed.run(image))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["graph.bin"], "'graph.bin' has no known format; allowed: .pb, .onnx, .tflite, or a folder's name"),
        (["--size", "100x100", "graph.onnx"], "takes images of any size"),
        (["--size", "100", "graph.tflite"], "'100' can't be used; allowed: two numbers from 16 to 1024"),
        (["--size", "8x100", "graph.tflite"], "'8x100' can't be used"),
        ([str(CHELSEA.with_suffix(""))], "exists; give another name"),
    ],
)
def test_export_with_wrong_argument_returns_2_and_says_why(arguments: list[str], message: str, tmp_path: Path) -> None:
    if "exists" in message:
        (tmp_path / "graph").mkdir()
        arguments = [str(tmp_path / "graph")]
    result = export(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split()).replace("│ ", "")


def test_export_to_missing_folder_returns_1(tmp_path: Path) -> None:
    result = export(tmp_path / "missing" / "graph.pb")
    assert (result.exit_code, "can't be written: No such file or directory" in result.output) == (1, True)


def test_export_whose_labels_differ_returns_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = formats.Format(
        "wrong", formats.write_graph_def, lambda _: lambda image: np.zeros(image.shape[:2], np.uint8)
    )
    monkeypatch.setitem(FORMATS, ".pb", wrong)
    result = export(tmp_path / "graph.pb")
    assert result.exit_code == 1
    assert "expected at least 99.9% equal labels" in result.output


@pytest.mark.parametrize(("suffix", "package"), [(".onnx", "tf2onnx"), (".tflite", "ai_edge_litert.interpreter")])
def test_export_without_optional_package_names_the_requirements(
    monkeypatch: pytest.MonkeyPatch, suffix: str, package: str, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = export(tmp_path / f"graph{suffix}")
    assert result.exit_code == 1
    assert "pip install -r commands/export/requirements.txt" in result.output
