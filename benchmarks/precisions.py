"""Times our engine at each precision, for each CPU that oneDNN can be limited to: the basis of PRECISION=auto.

For each value of ONEDNN_MAX_CPU_ISA that this CPU has, engines of all precisions that PRECISION allows then run a 4:3
photo, each in a process of its own, and take turns. int8 needs a calibration beside the graph. Prints the least
milliseconds of each at 513 and 257 pixels, its ratio to float32's, its peak memory and its start, and the precision
that `auto` is.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.engines.backends import open_ours, resized
from benchmarks.engines.engine_process import EngineProcess
from benchmarks.engines.report import processor
from benchmarks.options import argument_parser
from core.runtime.cpu import ISA_EXTENSIONS, computes_bfloat16, computes_int8, cpu_features, fastest_precision
from core.types import Precision
from core.weights.registry import MOBILE
from tests.support.paths import CHELSEA

ISAS = ("AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_AMX")
LIMIT = "ONEDNN_MAX_CPU_ISA"
SIZES = (513, 257)


def available() -> list[str]:
    """Return the values of ONEDNN_MAX_CPU_ISA whose extensions this CPU has."""
    os.environ.pop(LIMIT, None)
    return [isa for isa in ISAS if ISA_EXTENSIONS[isa] <= cpu_features()]


def rows(graph: Path, isa: str, threads: int, runs: int) -> Iterator[str]:
    """Yield the rows of the table of `graph` for oneDNN limited to `isa`."""
    os.environ[LIMIT] = isa  # the engines' processes inherit it
    precisions: list[Precision] = ["float32"]
    precisions += ["bfloat16"] if computes_bfloat16() else []
    precisions += ["int8"] if computes_int8() else []
    engines = {
        precision: EngineProcess(precision, partial(open_ours, graph, threads, precision=precision))
        for precision in precisions
    }
    with Image.open(CHELSEA) as photo:
        images = {size: resized(photo.crop((0, 0, 400, 300)), size) for size in SIZES}
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(runs):
        for size, image in images.items():
            for precision, engine in engines.items():
                times.setdefault((precision, size), []).append(engine.run_warm(image).milliseconds)
    for precision, engine in engines.items():
        least = [(min(times[precision, size]), min(times["float32", size])) for size in SIZES]
        columns = [f"{time:.1f} ms ({time / float32:.2f})" for time, float32 in least]
        chosen = "**auto**" if precision == fastest_precision(int8_ready=True) else ""
        memory, start = f"{engine.peak_megabytes:.0f} MB", f"{engine.seconds_to_load:.1f} s"
        yield f"| {isa} | {precision} | {' | '.join(columns)} | {memory} | {start} | {chosen} |"
        engine.stop()


def main() -> None:
    parser = argument_parser("benchmarks.precisions", __doc__)
    parser.add_argument("--threads", type=int, default=2, help="threads per engine; default: 2")
    parser.add_argument("--runs", type=int, default=20, help="number of rounds; default: 20")
    parser.add_argument("--graph", type=Path, default=MOBILE, help="a frozen graph; default: the bundled one")
    arguments = parser.parse_args()
    isas = available()
    print(f"{processor()}, {arguments.threads} threads, least of {arguments.runs} rounds")
    print(f"not measured, because this CPU lacks them: {', '.join(isa for isa in ISAS if isa not in isas) or 'none'}\n")
    print(f"| {LIMIT} | precision | {' | '.join(map(str, SIZES))} | peak memory | start | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for isa in isas:
        for row in rows(arguments.graph, isa, arguments.threads, arguments.runs):
            print(row, flush=True)


if __name__ == "__main__":
    main()
