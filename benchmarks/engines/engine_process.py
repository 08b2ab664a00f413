"""Runs each engine in a separate process, and single functions in a process for one call."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import numpy as np

from benchmarks.engines.backends import CANVAS, Labels, Run
from core.types import UInt8Array
from tests.support.processes import memory_megabytes

T = TypeVar("T")
# New interpreters: TensorFlow does not survive a fork, and a fork shares memory with its parent.
SPAWN = get_context("spawn")
# Seconds after which the threads of another engine no longer spin while they wait for work.
PAUSE = 0.02


def in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    """Run `function(*arguments)` in a new process, which then ends, and return its result."""
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(function, *arguments).result()


class EngineFailed(Exception):
    """An engine can't run an image; the message has the engine, the size of the image and the reason."""


@dataclass(frozen=True)
class Answer:
    """The class ids of an image, uint8 [height, width], and the milliseconds of the inference."""

    labels: UInt8Array
    milliseconds: float


class EngineProcess:
    """A process that has loaded the engine of `load`.

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
        # The process then has the only copy of this end, so that recv() raises EOFError if the process dies.
        theirs.close()
        self._pipe.recv()
        self.seconds_to_load = time.perf_counter() - began

    def restart(self) -> None:
        """Replace the process: some engines fail at every image after one that they failed at."""
        self.stop()
        self._start()

    def run(self, image: UInt8Array) -> Answer:
        """Return the answer for `image`, uint8 [height, width, 3] in RGB. Raises EngineFailed."""
        return self._ask(image, runs=1)

    def run_warm(self, image: UInt8Array) -> Answer:
        """Do the same as run(), but time the second of two calls; the first wakes the threads and fills the caches."""
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
        """The largest resident set of the process so far, in MB of 1,000,000 bytes."""
        return memory_megabytes(self._process.pid or 0, "VmHWM")

    def stop(self) -> None:
        """End the process."""
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
    """Return the last of `runs` answers, or the message of the error: not every exception can be pickled."""
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
