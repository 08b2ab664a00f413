"""The number of usable cores and the features of the CPU, from files as Linux writes them."""

import os
from pathlib import Path

import pytest

from core.runtime import cpu

V2 = "30 1 0:26 {root} {at} rw - cgroup2 cgroup2 rw"
V1 = "31 1 0:27 {root} {at} rw - cgroup cgroup rw,cpu,cpuacct"


@pytest.mark.parametrize(
    ("mount", "root", "group", "files", "cores"),
    [
        (V2, "/", "0::/", {}, 8),
        (V2, "/", "0::/", {"cpu.max": "max 100000"}, 8),
        (V2, "/", "0::/", {"cpu.max": "150000 100000"}, 2),
        (V2, "/", "0::/", {"cpu.max": "50000 100000"}, 1),
        (V2, "/", "0::/", {"cpu.max": "6400000 100000"}, 8),
        # A systemd unit in a slice: the smaller quota holds, wherever it is.
        (V2, "/", "0::/a.slice/b.service", {"a.slice/b.service/cpu.max": "300000 100000"}, 3),
        (V2, "/", "0::/a.slice/b.service", {"a.slice/cpu.max": "200000 100000", "other/cpu.max": "1 1"}, 2),
        (V1, "/", "4:cpu,cpuacct:/", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, 8),
        (V1, "/", "4:cpu,cpuacct:/", {"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, 3),
        (V1, "/", "4:cpuacct,cpu:/a/b", {"a/cpu.cfs_quota_us": "300000", "a/cpu.cfs_period_us": "100000"}, 3),
        # Docker without a cgroup namespace mounts the container's own cgroup.
        (V1, "/docker/1", "4:cpu:/docker/1", {"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, 3),
        (V1, "/docker/1", "4:cpu:/", {"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, 3),
    ],
)
def test_usable_cores_are_limited_by_quotas_of_cgroups(  # noqa: PLR0913, PLR0917 (parameters and fixtures)
    mount: str,
    root: str,
    group: str,
    files: dict[str, str],
    cores: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpu, "PROC", tmp_path)
    (tmp_path / "cgroup").write_text(f"1:name=systemd:/\n{group}\n")
    mounts = ["21 1 8:1 / / rw - ext4 /dev/sda rw", mount.format(root=root, at=tmp_path / "fs")]
    (tmp_path / "mountinfo").write_text("\n".join(mounts) + "\n")
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text + "\n")
    assert cpu.usable_cores() == cores


def test_usable_cores_without_proc_are_those_of_the_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpu, "PROC", tmp_path / "missing")
    assert cpu.usable_cores() == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor: 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("processor: 0\nflags\t\t: fpu amx_bf16\n", True),
        ("processor: 0\nFeatures\t: fp asimd bf16 sve\n", True),
        ("processor: 0\nflags\t\t: fpu avx512f\nmodel name: bf16\n", False),
        ("", False),
    ],
)
def test_computes_bfloat16_is_read_from_cpu_features(
    text: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert cpu.computes_bfloat16() == expected


def test_cpu_without_cpuinfo_computes_float32_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert (cpu.computes_bfloat16(), cpu.computes_int8(), cpu.sums_int8_exactly()) == (False, False, False)
    assert cpu.fastest_precision(int8_ready=True) == "float32"


# Features of a Xeon with AMX, of which ONEDNN_MAX_CPU_ISA allows some.
SAPPHIRE_RAPIDS = "fpu sse4_1 avx avx2 avx_vnni avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8"
# The documented table: the ISA, "" for all features; whether sums of int8 are exact; precision with a calibration, and
# without.
FASTEST = [
    ("SSE41", False, "float32", "float32"),
    ("AVX2", False, "float32", "float32"),
    ("AVX2_VNNI", True, "int8", "float32"),
    ("AVX512_CORE", False, "float32", "float32"),
    ("AVX512_CORE_VNNI", True, "int8", "float32"),
    ("AVX512_CORE_BF16", True, "int8", "float32"),
    ("avx512_core_bf16", True, "int8", "float32"),
    ("AVX512_CORE_AMX", True, "int8", "bfloat16"),
    ("DEFAULT", True, "int8", "bfloat16"),
    ("", True, "int8", "bfloat16"),
]


@pytest.mark.parametrize("row", FASTEST, ids=[row[0] for row in FASTEST])
def test_fastest_precision_follows_from_the_features_that_onednn_may_use(
    row: tuple[str, bool, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isa, exact, calibrated, uncalibrated = row
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags\t\t: {SAPPHIRE_RAPIDS}\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert cpu.sums_int8_exactly() == exact
    assert cpu.fastest_precision(int8_ready=True) == calibrated
    assert cpu.fastest_precision(int8_ready=False) == uncalibrated


@pytest.mark.parametrize(
    ("isa", "int8", "bfloat16"),
    [("AVX2_VNNI", 25_000, 16_000), ("AVX512_CORE_VNNI", 60_000, 16_000), ("AVX512_CORE_AMX", 60_000, 50_000)],
)
def test_area_for_one_thread_grows_with_the_speed_of_the_precision(
    isa: str, int8: int, bfloat16: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags\t\t: {SAPPHIRE_RAPIDS}\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert [cpu.small_pixels(precision) for precision in ("float32", "bfloat16", "int8")] == [16_000, bfloat16, int8]


def test_isa_does_not_add_features_that_the_cpu_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nflags\t\t: fpu avx2\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX")
    assert cpu.cpu_features() == {"fpu", "avx2"}


def test_arm_cpu_has_no_int8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nFeatures\t: fp asimd asimddp i8mm bf16 sve\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert not cpu.computes_int8()
    assert cpu.fastest_precision(int8_ready=True) == "bfloat16"
