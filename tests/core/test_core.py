"""Importing core: its effect on NumPy."""

import subprocess
import sys

from tests.support.paths import ROOT

MULTIPLY = """
import core, numpy, os
matrix = numpy.ones((2000, 2000), numpy.float32)
matrix @ matrix
print(len(os.listdir("/proc/self/task")))
"""


def test_core_makes_numpy_multiply_in_one_thread() -> None:
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"}
    threads = subprocess.check_output([sys.executable, "-c", MULTIPLY], env=environment, text=True)
    assert threads == "1\n"
