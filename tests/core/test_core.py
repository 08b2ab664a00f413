"""Importing core: its effect on NumPy."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

# OpenBLAS starts its threads when NumPy is imported.
COUNT_THREADS = """
import {module}, numpy, os
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("module", ["core", "app", "cli", "commands.shared.run_identity", "benchmarks.accuracy.edges"])
def test_import_makes_numpy_multiply_in_one_thread(module: str) -> None:
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"}
    code = COUNT_THREADS.format(module=module)
    threads = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert threads == "1\n"
