"""The import of TensorFlow: its output, the modules it loads, and oneDNN."""

import gc
import importlib.util
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from core.tensorflow import hidden_module, without_garbage_collection, without_information_lines
from tests.support.paths import ROOT

ENGINE = """
import numpy as np
from core.runtime.engine import Engine
from core.graph.frozen_graph import read_graph
from core.types import EngineOptions
from core.weights.registry import MOBILE

engine = Engine(read_graph(MOBILE), EngineOptions(threads=1, canvas="fit"))
"""
ONE_IMAGE = f"{ENGINE}engine.run(np.zeros((65, 65, 3), np.uint8))"
# 40 shapes, twice. oneDNN's default cache has room for 35 of them.
MANY_SHAPES = f"""{ENGINE}
for turn in "first", "second":
    print(turn, flush=True)
    for rows in range(1, 41):
        engine.run(np.zeros((8 * rows, 33, 3), np.uint8))
"""
# Prints whether the engine has imported Keras and pandas, and how many threads of the process sessions of 1, 2 and 5
# CPU threads start. The first session also starts others.
SESSIONS = """
import os, sys
import core.runtime.engine
print("keras" in sys.modules, "pandas" in sys.modules)
from core.runtime.session_config import session_config
from core.tensorflow import tf

with tf.Graph().as_default():
    one = tf.constant(1)
    for threads in (1, 2, 5):
        before = len(os.listdir("/proc/self/task"))
        with tf.compat.v1.Session(config=session_config(threads)) as session:
            session.run(one)
            print(len(os.listdir("/proc/self/task")) - before)
"""


def run(script: str, **environment: str) -> str:
    """Return the output of `script`, run by Python in a new process."""
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_without_information_lines_removes_only_information_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with without_information_lines():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795400733.300229    3625 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795400733.300229    3625 port.cc:153] something is wrong\n")
        os.write(2, b"Illegal things\n")
    lines = capfd.readouterr().err.splitlines()
    assert [line[:5] for line in lines] == ["E0000", "Illeg"]


@pytest.mark.parametrize("enabled", [True, False])
def test_without_garbage_collection_restores_its_state(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with suppress(KeyError), without_garbage_collection():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == enabled
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()


def test_without_information_lines_after_an_error_restores_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(KeyError), without_information_lines():
        os.write(2, b"inside\n")
        raise KeyError
    os.write(2, b"I0000 after\n")
    assert capfd.readouterr().err == "inside\nI0000 after\n"


def test_hidden_module_can_not_be_imported_inside_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with hidden_module("this"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("this")
    assert importlib.util.find_spec("this")


def test_hidden_module_that_was_imported_before_stays_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "this", sys)
    with hidden_module("this"):
        assert importlib.import_module("this") is sys
    assert sys.modules["this"] is sys


def test_onednn_keeps_compiled_convolutions_of_many_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    first, second = run(MANY_SHAPES, ONEDNN_VERBOSE="profile_create").split("\nsecond\n")
    miss, hit = "create:cache_miss,cpu,convolution", "create:cache_hit,cpu,convolution"
    assert first.count(miss) > 1024
    assert second.count(miss) == 0
    assert second.count(hit) > 1000


def test_engine_on_cpu_without_avx512_runs_the_graph() -> None:
    # TensorFlow's default on such a CPU.
    run(ONE_IMAGE, TF_ENABLE_ONEDNN_OPTS="0")


def test_engine_leaves_out_keras_and_pandas_and_each_session_has_its_own_cpu_threads() -> None:
    keras, pandas, _, two, five = run(SESSIONS).split()
    assert (keras, pandas) == ("False", "False")
    assert int(five) == int(two) + 3
