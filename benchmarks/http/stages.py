"""Measures what each stage of the start adds to the process that serves: own memory in MB, and CPU seconds.

The settings come from the environment. The heap is trimmed before each measurement; the CPU time of that is left out.
`peak` is the largest resident memory of the process so far.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.options import argument_parser
from core.heap import limit_heap, release_memory
from tests.support.processes import memory_megabytes

WORKERS = 2


class Stages:
    """Prints a row for each stage, from the end of the last one on."""

    def __init__(self) -> None:
        self._cpu, self._own = 0.0, 0.0
        print("| stage | own memory | peak | CPU |\n| --- | --- | --- | --- |")

    def end(self, stage: str) -> None:
        """Print the row of `stage`, which ends now."""
        cpu, peak = time.process_time(), memory_megabytes(os.getpid(), "VmHWM")
        release_memory()
        own = memory_megabytes(os.getpid(), "RssAnon")
        print(f"| {stage} | {own - self._own:+.0f} | {peak:.0f} | {cpu - self._cpu:.2f} s |", flush=True)
        self._cpu, self._own = time.process_time(), own

    def total(self) -> None:
        """Print the row of all stages."""
        print(f"| all | {self._own:.0f} | {memory_megabytes(os.getpid(), 'VmHWM'):.0f} | {time.process_time():.2f} s |")


def main() -> None:
    argument_parser("benchmarks.http.stages", __doc__).parse_args()
    limit_heap()
    stages = Stages()
    # What a stage needs is imported in it.
    import app  # noqa: F401, PLC0415
    from config import Settings  # noqa: PLC0415
    from core.runtime.warm_up import SHAPES, blank  # noqa: PLC0415
    from core.types import EngineOptions  # noqa: PLC0415
    from segmenter import find_weights, precision_of  # noqa: PLC0415

    settings = Settings.from_environment()
    weights = find_weights(settings)
    stages.end("Python, Flask, checksums of the graph")
    import core.tensorflow  # noqa: F401, PLC0415

    stages.end("import of TensorFlow")
    from core.graph.frozen_graph import read_graph  # noqa: PLC0415
    from core.runtime.engine import Engine  # noqa: PLC0415

    graph = read_graph(weights.path)
    stages.end("graph")
    engine = Engine(graph, EngineOptions(settings.threads, settings.canvas, precision_of(settings)))
    stages.end("passes, program and sessions, with the weights")
    del graph
    stages.end("graph, freed")
    with ThreadPoolExecutor(1) as first:
        first.submit(engine.prepare, blank(settings.image_size)).result()
        stages.end("first inference: kernels, their weights, padding; **ready**")
        for shape in SHAPES:
            first.submit(engine.prepare, blank(settings.image_size, shape)).result()
        with ThreadPoolExecutor(1) as second:
            for shape in SHAPES:
                second.submit(engine.prepare, blank(settings.image_size, shape)).result()
    stages.end(f"{len(SHAPES)} shapes in {WORKERS} workers")
    stages.total()


if __name__ == "__main__":
    main()
