"""Memory that a process returns to the system, measured in fresh processes."""

import ctypes
import subprocess
import sys
from collections.abc import Callable

import pytest

from core import heap
from tests.support.paths import ROOT

# Frees blocks of 3 MB that lie between small blocks in use, and prints the growth of the process in MB.
SCRIPT = """
import os, sys
from core import heap
from tests.support.processes import memory_megabytes
if sys.argv[1] == "limit_heap":
    heap.limit_heap()
bytearray(30_000_000)  # after freeing it, glibc allocates blocks of up to this size on the heap
before = memory_megabytes(os.getpid())
kept, freed = [], []
for _ in range(50):
    freed.append(bytearray(3_000_000))
    kept.append(bytearray(100_000))
freed.clear()
if sys.argv[1] in ("trim_heap", "release_memory"):
    getattr(heap, sys.argv[1])()
print(memory_megabytes(os.getpid()) - before)
"""


def growth(function: str) -> float:
    """Return the growth, in MB, of a process that calls `function` of core.heap."""
    command = [sys.executable, "-c", SCRIPT, function]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_heap_by_default_keeps_freed_memory() -> None:
    assert growth("") > 100


@pytest.mark.parametrize("function", ["limit_heap", "trim_heap", "release_memory"])
def test_heap_function_returns_freed_memory_to_the_system(function: str) -> None:
    assert growth(function) < 20


@pytest.mark.parametrize("function", [heap.limit_heap, heap.trim_heap, heap.release_memory])
def test_heap_function_with_other_c_library_does_nothing(
    function: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    function()
