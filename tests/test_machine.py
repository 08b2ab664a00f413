"""What the machine has is read from files that Linux keeps."""

import os
from pathlib import Path

import pytest

from core import machine


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
