"""The CPU: the number of cores that the process may use, and the number formats that they compute."""

import math
import os
import re
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")


def usable_cores() -> int:
    """Return the number of cores that this process may use: its CPU affinity, limited by the quota of its container.

    The quota is read from cgroup v2's `cpu.max` (quota and period in microseconds, "max" for none) or from v1's
    `cpu.cfs_quota_us` (-1 for none) and `cpu.cfs_period_us`, and rounded up.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((CGROUP / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        if quota not in ("max", "-1"):
            return max(1, min(cores, math.ceil(int(quota) / int(period))))
    return cores


def computes_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware: AVX-512 BF16 or AMX on x86-64, BF16 on Arm.

    The features are read from /proc/cpuinfo. Without that file, the result is False.
    """
    try:
        features = re.search(r"^(?:flags|Features)\s*:(.*)$", CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        return False
    return features is not None and not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(features[1].split())
