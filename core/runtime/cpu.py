"""What the machine under the service has: CPU cores it may use, the arithmetic they know, and memory."""

import ctypes
import gc
import math
import os
import re
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")


def usable_cores() -> int:
    """Return the number of cores this process may use: its CPU affinity, lowered by a container's quota.

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
    """Return whether the CPU multiplies bfloat16 natively: AVX-512 BF16 or AMX on x86-64, BF16 on Arm.

    Read from Linux's list of the CPU's features; where there is none, the answer is no.
    """
    try:
        features = re.search(r"^(?:flags|Features)\s*:(.*)$", CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        return False
    return features is not None and not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(features[1].split())


def keep_heap_small() -> None:
    """Let the C library (glibc) return what is freed; call it before there are threads.

    By itself it keeps freed blocks of up to 32 MB, in eight heaps for each core: with images of mixed sizes the process
    grows for hours. The numbers are mallopt(3)'s; where there is no mallopt, nothing is changed.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(arena_max, 2)
        mallopt(mmap_threshold, 1_000_000)
        mallopt(trim_threshold, 8_000_000)


def give_back_memory() -> None:
    """Return to the system what the process has freed; the C library (glibc) keeps it otherwise."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Return to the system the pages in the C library's heaps that are free: milliseconds, in any thread."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
