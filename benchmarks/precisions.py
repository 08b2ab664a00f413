"""Times our engine at each precision beside the unmodified graph, for each CPU that oneDNN can be limited to.

It is the basis of PRECISION=auto. For each value of ONEDNN_MAX_CPU_ISA that this CPU has, and each graph, engines of
all precisions that PRECISION allows there segment a 4:3 photo, each in a process of its own, and take turns with the
unmodified graph in TensorFlow. That one takes the same time for every size up to 513, so it runs at 513 alone. Prints
the time of each as its ratio to the unmodified graph's and to our float32's, the peak memory, the start, and what
`auto` is.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.engines.backends import CANVAS, open_ours, open_stock, resized
from benchmarks.engines.engine_process import EngineProcess
from benchmarks.engines.report import processor
from benchmarks.measure import Spread, ratio
from benchmarks.options import argument_parser
from core.graph.quantize.calibration import calibration_path
from core.runtime.cpu import ISA_EXTENSIONS, computes_bfloat16, computes_int8, cpu_features, fastest_precision
from core.types import Precision
from core.weights.registry import MOBILE
from tests.support.paths import CHELSEA

ISAS = ("AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_AMX")
LIMIT = "ONEDNN_MAX_CPU_ISA"
SIZES = (513, 257)
STOCK = "unmodified graph"


def available() -> list[str]:
    """Return the values of ONEDNN_MAX_CPU_ISA whose extensions this CPU has."""
    os.environ.pop(LIMIT, None)
    return [isa for isa in ISAS if ISA_EXTENSIONS[isa] <= cpu_features()]


def usable_precisions(graph: Path) -> list[Precision]:
    """Return the precisions that PRECISION allows for `graph` on this CPU."""
    precisions: list[Precision] = ["float32"]
    precisions += ["bfloat16"] if computes_bfloat16() else []
    precisions += ["int8"] if computes_int8() and calibration_path(graph).exists() else []
    return precisions


@dataclass
class Times:
    """The milliseconds of each engine at each size, by round; those of the unmodified graph are at the size CANVAS."""

    rounds: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))

    def column(self, name: str, size: int) -> str:
        """Return the ratios of an engine at `size`: to the unmodified graph's time, and to float32's."""
        own, float32 = self.rounds[name, size], self.rounds["float32", size]
        beside = "" if name == "float32" else f"; {ratio(own, float32).median:.2f}"
        return f"{ratio(own, self.rounds[STOCK, CANVAS])}{beside}"

    def units(self) -> str:
        """Return the milliseconds of the ratio 1."""
        return f"{Spread.of(self.rounds[STOCK, CANVAS]).median:.0f} ms"


def measure(engines: dict[str, EngineProcess], sizes: Sequence[int], runs: int) -> Times:
    """Time all engines on the photo, at each of `sizes`, in each of `runs` rounds."""
    with Image.open(CHELSEA) as photo:
        images = {size: resized(photo.crop((0, 0, 400, 300)), size) for size in {*sizes, CANVAS}}
    times = Times()
    for _ in range(runs):
        times.rounds[STOCK, CANVAS].append(engines[STOCK].run_warm(images[CANVAS]).milliseconds)
        for size in sizes:
            for name, engine in engines.items():
                if name != STOCK:
                    times.rounds[name, size].append(engine.run_warm(images[size]).milliseconds)
    return times


def rows(graph: Path, isa: str, threads: int, sizes: Sequence[int], runs: int) -> Iterator[str]:
    """Yield the rows of the table of `graph` for oneDNN limited to `isa`."""
    os.environ[LIMIT] = isa  # the engines' processes inherit it
    precisions = usable_precisions(graph)
    engines = {STOCK: EngineProcess(STOCK, partial(open_stock, graph, threads))}
    for precision in precisions:
        engines[precision] = EngineProcess(precision, partial(open_ours, graph, threads, precision=precision))
    times = measure(engines, sizes, runs)
    chosen = fastest_precision(int8_ready="int8" in precisions)
    for name, engine in engines.items():
        columns = (
            [f"1, {times.units()}"] * len(sizes) if name == STOCK else [times.column(name, size) for size in sizes]
        )
        cost = f"{engine.peak_megabytes:.0f} MB | {engine.seconds_to_load:.1f} s"
        yield f"| {isa} | {name} | {' | '.join(columns)} | {cost} | {'**auto**' if name == chosen else ''} |"
        engine.stop()


def main() -> None:
    parser = argument_parser("benchmarks.precisions", __doc__)
    parser.add_argument(
        "graphs", type=Path, nargs="*", default=[MOBILE], help="frozen graphs; default: that of the mobile model"
    )
    parser.add_argument("--isas", nargs="+", choices=ISAS, help=f"only these values of {LIMIT}; default: all")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="long sides, in pixels; default: 513 257")
    parser.add_argument("--threads", type=int, default=2, help="threads per engine; default: 2")
    parser.add_argument("--runs", type=int, default=20, help="number of rounds; default: 20")
    arguments = parser.parse_args()
    isas = available()
    print(f"{processor()}, {arguments.threads} threads; medians (quartiles) of {arguments.runs} rounds")
    print(f"not measured, because this CPU lacks them: {', '.join(isa for isa in ISAS if isa not in isas) or 'none'}")
    for graph in arguments.graphs:
        print(f"\n{graph.name}: times as ratios to the unmodified graph's at {CANVAS}; to float32's\n")
        print(f"| {LIMIT} | engine | {' | '.join(map(str, arguments.sizes))} | peak memory | start | |")
        print("| --- | --- |" + " --- |" * (len(arguments.sizes) + 3))
        for isa in [isa for isa in isas if isa in (arguments.isas or isas)]:
            for row in rows(graph, isa, arguments.threads, arguments.sizes, arguments.runs):
                print(row, flush=True)


if __name__ == "__main__":
    main()
