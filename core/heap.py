"""Control of the C library's heap (glibc), which by default keeps freed memory."""

import ctypes
import gc
import time
from threading import Thread

# Seconds between two trims of the heap.
INTERVAL = 5.0


def limit_heap() -> None:
    """Make glibc return freed memory to the system. Call it before the process starts threads.

    By default glibc keeps freed blocks of up to 32 MB, in eight heaps per core: with images of mixed sizes, the process
    grows for hours. The parameters are those of mallopt(3). Other C libraries are left unchanged.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(arena_max, 2)
        mallopt(mmap_threshold, 1_000_000)
        mallopt(trim_threshold, 8_000_000)


def release_memory() -> None:
    """Collect garbage and return all freed memory to the system."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Return the free pages of the heap to the system. Takes milliseconds; safe in any thread."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def keep_heap_trimmed() -> None:
    """Start a thread that trims the heap for as long as the process lives."""

    def trim_forever() -> None:
        while True:
            time.sleep(INTERVAL)
            trim_heap()

    Thread(target=trim_forever, name="trim", daemon=True).start()
