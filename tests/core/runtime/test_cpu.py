"""What the machine has is read from files that Linux keeps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import machine
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "6400000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
    ],
)
def test_cores_follow_the_containers_quota(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("processor: 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("processor: 0\nflags\t\t: fpu amx_bf16\n", True),
        ("processor: 0\nFeatures\t: fp asimd bf16 sve\n", True),
        ("processor: 0\nflags\t\t: fpu avx512f\nmodel name: bf16\n", False),
        ("", False),
    ],
)
def test_bfloat16_is_among_the_cpus_features(
    text: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert not machine.computes_bfloat16()  # no such file
    (tmp_path / "cpuinfo").write_text(text)
    assert machine.computes_bfloat16() == native


def test_a_heap_that_is_kept_small_gives_back_what_is_freed_between_what_is_not() -> None:
    script = """
import re, sys
from core.runtime.cpu import limit_heap
from tests.support.paths import ROOT
if sys.argv[1] == "small":
    limit_heap()
resident = lambda: int(re.search(r"VmRSS:\\s*(\\d+)", open("/proc/self/status").read())[1])
bytearray(30_000_000)  # by itself, the C library takes blocks of up to this size from its heap from now on
before, kept, freed = resident(), [], []
for _ in range(50):
    freed.append(bytearray(3_000_000))
    kept.append(bytearray(100_000))
freed.clear()
print(resident() - before)
"""
    kilobytes = {}
    for heap in ("small", "usual"):
        command = [sys.executable, "-c", script, heap]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        kilobytes[heap] = int(run.stdout)
    assert kilobytes["small"] < 20_000
    assert kilobytes["usual"] > 100_000
