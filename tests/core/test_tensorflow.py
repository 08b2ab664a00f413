"""TensorFlow as it is imported: it says only what matters, has what the graph needs, remembers what it has compiled."""

import importlib.util
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from core.tensorflow import without, without_information_lines
from tests.support.paths import ROOT

ENGINE = """
import numpy as np
from core.runtime.engine import Engine
from core.graph.load import read_graph
from core.types import EngineOptions
from core.weights.registry import MOBILE

engine = Engine(read_graph(MOBILE), EngineOptions(threads=1, canvas="fit"))
"""
ONE = f"{ENGINE}engine.run(np.zeros((65, 65, 3), np.uint8))"
# More shapes than oneDNN remembers by itself, each twice.
SHAPES = f"""{ENGINE}
for turn in "first", "again":
    print(turn, flush=True)
    for rows in range(1, 41):
        engine.run(np.zeros((8 * rows, 33, 3), np.uint8))
"""


def test_only_information_lines_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(KeyError), without_information_lines():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795400733.300229    3625 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795400733.300229    3625 port.cc:153] something is wrong\n")
        os.write(2, b"Illegal things\n")
        raise KeyError
    os.write(2, b"after\n")
    lines = capfd.readouterr().err.splitlines()
    assert [line[:5] for line in lines] == ["E0000", "Illeg", "after"]


def test_what_no_graph_needs_is_not_imported() -> None:
    command = [sys.executable, "-c", "import sys, core.engine; print('keras' in sys.modules, 'pandas' in sys.modules)"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b"False False\n"


def test_a_module_is_hidden_only_meanwhile_and_not_from_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with without("this"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("this")
    assert importlib.util.find_spec("this")
    monkeypatch.setitem(sys.modules, "this", sys)
    with without("this"):
        assert importlib.import_module("this") is sys
    assert sys.modules["this"] is sys


def test_what_was_compiled_for_a_shape_is_kept() -> None:
    environment = os.environ | {"ONEDNN_VERBOSE": "profile_create"}
    environment.pop("ONEDNN_PRIMITIVE_CACHE_CAPACITY", None)
    told = subprocess.run([sys.executable, "-c", SHAPES], cwd=ROOT, env=environment, capture_output=True, check=True)
    first, again = told.stdout.split(b"\nagain\n")
    missed, hit = b"create:cache_miss,cpu,convolution", b"create:cache_hit,cpu,convolution"
    assert first.count(missed) > 1024
    assert again.count(missed) == 0
    assert again.count(hit) > 1000


def test_the_graph_runs_where_tensorflow_would_do_without_onednn() -> None:
    # As by itself on a CPU that is some years old.
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    subprocess.run([sys.executable, "-c", ONE], cwd=ROOT, env=environment, check=True)
