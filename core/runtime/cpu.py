"""The CPU: the number of cores that the process may use, and the number formats that they compute."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from core.types import Precision

PROC = Path("/proc/self")
CPUINFO = Path("/proc/cpuinfo")
# The extensions that matter here, by the value of ONEDNN_MAX_CPU_ISA that allows them (oneDNN's developer guide, "CPU
# Dispatcher Control"). Other values allow all.
ISA_EXTENSIONS = {
    "SSE41": frozenset[str](),
    "AVX": frozenset[str](),
    "AVX2": frozenset({"avx2"}),
    "AVX2_VNNI": frozenset({"avx2", "avx_vnni"}),
    "AVX2_VNNI_2": frozenset({"avx2", "avx_vnni"}),
    "AVX512_CORE": frozenset({"avx2", "avx512bw"}),
    "AVX512_CORE_VNNI": frozenset({"avx2", "avx512bw", "avx512_vnni"}),
    "AVX512_CORE_BF16": frozenset({"avx2", "avx512bw", "avx512_vnni", "avx512_bf16"}),
    "AVX512_CORE_FP16": frozenset({"avx2", "avx512bw", "avx512_vnni", "avx512_bf16"}),
    "AVX512_CORE_AMX": frozenset({"avx2", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"}),
}
EXTENSIONS = frozenset[str]().union(*ISA_EXTENSIONS.values())


def usable_cores() -> int:
    """Return the number of cores that this process may use: its CPU affinity, limited by the quotas of its cgroups.

    The quotas of its own cgroup and of those above it are read from v2's `cpu.max` (quota and period in microseconds,
    "max" for none) and from v1's `cpu.cfs_quota_us` (-1 for none) and `cpu.cfs_period_us`; the smallest is rounded up.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _cpu_cgroups():
        for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
            try:
                quota, period = " ".join((folder / name).read_text() for name in names).split()
            except (OSError, ValueError):
                continue
            if quota not in ("max", "-1"):
                cores = max(1, min(cores, math.ceil(int(quota) / int(period))))
    return cores


def _cpu_cgroups() -> Iterator[Path]:
    """Yield the folder of this process's cgroup, and those above it, in each hierarchy that can limit the CPU.

    See proc(5) for /proc/self/mountinfo, and cgroups(7) for /proc/self/cgroup.
    """
    try:
        groups = [line.split(":", 2) for line in (PROC / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (PROC / "mountinfo").read_text().splitlines()]
    except OSError:
        return
    for mount in mounts:
        root, point, kind, options = mount[3], Path(mount[4]), mount[mount.index("-") + 1], mount[-1].split(",")
        if kind == "cgroup2":
            paths = [path for _, controllers, path in groups if not controllers]
        elif kind == "cgroup" and "cpu" in options:
            paths = [path for _, controllers, path in groups if "cpu" in controllers.split(",")]
        else:
            continue
        # In a container without a cgroup namespace, the mount shows the container's own cgroup alone.
        below = [Path(path).relative_to(root) for path in paths if Path(path).is_relative_to(root)]
        for path in below or [Path()]:
            yield from (point / part for part in [path, *path.parents])


def computes_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware: AVX-512 BF16 or AMX on x86-64, BF16 on Arm."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(cpu_features())


def computes_int8() -> bool:
    """Return whether TensorFlow has convolutions of int8 for the CPU: on x86-64 with AVX2."""
    return "avx2" in cpu_features()


def sums_int8_exactly() -> bool:
    """Return whether the CPU adds products of uint8 and int8 in 32 bits: VNNI, of AVX or AVX-512, or AMX.

    Without them AVX2 and AVX-512 add two products in 16 bits, which saturates if the weights use all of their 8 bits.
    """
    return not {"avx_vnni", "avx512_vnni", "amx_int8"}.isdisjoint(cpu_features())


def fastest_precision(int8_ready: bool) -> Precision:
    """Return the precision that is the fastest of the accurate ones on this CPU: the same on every CPU of its kind.

    `int8_ready` tells whether there is a calibration for int8. Without VNNI int8 is faster than float32, too, but its
    smaller weights lose more accuracy on some photos. With AVX-512 BF16, but without AMX, bfloat16 takes 1.4 times
    as long as float32 on Intel's CPUs; on AMD's Zen 5 it takes half the time (benchmarks.precisions).
    """
    if int8_ready and computes_int8() and sums_int8_exactly():
        return "int8"
    return "float32" if {"amx_bf16", "bf16"}.isdisjoint(cpu_features()) else "bfloat16"


def small_pixels(precision: Precision) -> int:
    """Return the largest area of an image, in pixels, that one thread segments as fast as two with the mobile model.

    Measured on a Xeon with two cores, with ONEDNN_MAX_CPU_ISA as in ISA_EXTENSIONS: one thread then takes about 10 ms.
    """
    if precision == "int8":
        return 60_000 if "avx512_vnni" in cpu_features() else 25_000
    if precision == "bfloat16":
        return 50_000 if "amx_bf16" in cpu_features() else 16_000
    return 16_000


def cpu_features() -> frozenset[str]:
    """Return the features of the CPU that oneDNN uses, named as in /proc/cpuinfo; none if there is no such file.

    oneDNN computes TensorFlow's convolutions. Its own variable ONEDNN_MAX_CPU_ISA can limit it to an older CPU's.
    """
    try:
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        return frozenset()
    found = frozenset(line[1].split()) if line else frozenset()
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return found - (EXTENSIONS - ISA_EXTENSIONS.get(limit, EXTENSIONS))
