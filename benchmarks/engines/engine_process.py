"""Processes that work for a benchmark: one that lives and runs an engine when asked to, or one for a single call."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.engines.backends import CANVAS, Labels, Run
from core.types import UInt8Array

T = TypeVar("T")
# A new interpreter for each process: TensorFlow does not survive a fork, and a fork's memory is not its own.
SPAWN = get_context("spawn")
# Seconds in which the threads of the engine that ran last stop spinning for more work.
PAUSE = 0.02


def in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    """Return `function(*arguments)`, run in a process that ends with it."""
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(function, *arguments).result()


class EngineFailed(Exception):
    """An engine can't run an image; the message names both and says why."""


@dataclass(frozen=True)
class Answer:
    """The class ids of an image, uint8 [height, width], and the milliseconds they took."""

    labels: UInt8Array
    milliseconds: float


class Worker:
    """An engine in its own process, loaded: `load` returns what runs it.

    `seconds_to_load` is the time from the start of the process to its first label map.
    """

    def __init__(self, name: str, load: Callable[[], Run]) -> None:
        self._name, self._load = name, load
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_work, name=self._name, args=(theirs, self._load), daemon=True)
        began = time.perf_counter()
        self._process.start()
        theirs.close()  # the one that is left is the worker's, so that its death is seen here as EOFError
        self._pipe.recv()
        self.seconds_to_load = time.perf_counter() - began

    def restart(self) -> None:
        """Go on with a new process: some engines never recover from an image that they fail at."""
        self.stop()
        self._start()

    def run(self, image: UInt8Array) -> Answer:
        """Return the engine's answer for `image`, uint8 [height, width, 3]. Raises EngineFailed."""
        return self._ask(image, runs=1)

    def run_warm(self, image: UInt8Array) -> Answer:
        """Like run(), timed after a call that is not: one that wakes the threads and fills the caches."""
        time.sleep(PAUSE)
        return self._ask(image, runs=2)

    def _ask(self, image: UInt8Array, runs: int) -> Answer:
        self._pipe.send((image, runs))
        reply: Answer | str = self._pipe.recv()
        if isinstance(reply, str):
            height, width, _ = image.shape
            raise EngineFailed(f"{self._name} fails at {width} x {height} pixels: {reply}")
        return reply

    @property
    def peak_megabytes(self) -> float:
        """The most memory the process has had resident so far, in MB of 1,000,000 bytes (Linux's VmHWM)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [kibibytes] = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kibibytes) * 1024 / 1e6

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


def _work(pipe: Connection, load: Callable[[], Run]) -> None:
    run = load()
    run(np.zeros((CANVAS, CANVAS, 3), np.uint8))
    pipe.send("loaded")
    while True:
        image, runs = pipe.recv()
        pipe.send(_answer(run, image, runs))


def _answer(run: Run, image: UInt8Array, runs: int) -> Answer | str:
    """Return the last of `runs` answers, or what is wrong; not as the exception, which may not survive the pipe."""
    try:
        for _ in range(runs):
            began = time.perf_counter()
            labels: Labels = run(image)
            milliseconds = (time.perf_counter() - began) * 1000
    except Exception as error:
        return " ".join(str(error).split())[:300]
    if labels.shape != image.shape[:2]:
        return f"its labels have shape {labels.shape}"
    return Answer(labels.astype(np.uint8), milliseconds)
