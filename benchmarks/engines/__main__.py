"""Compares our engine with others on one frozen graph: time, labels, accuracy, memory and load time.

All engines run the same photos, each in a process of its own. They take turns (A B C A B C ...), so that a change in
the machine's speed affects all of them. A time is given as its ratio to that of the stock graph at 513 pixels for the
same photo in the same round; the stock graph takes the same time for every smaller size. With --voc the mean IoU is
measured too, and the engine that needs photos for its calibration. Needs the packages of benchmarks/requirements.txt.
"""

import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.engines import backends, converters
from benchmarks.engines.engine_process import EngineFailed, EngineProcess, in_a_process
from benchmarks.engines.report import PeakSpeed, Result, draw, pick, report
from benchmarks.engines.scoring import Voc
from benchmarks.options import argument_parser
from core.graph.quantize.calibration import calibration_path
from core.types import UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA

LARGEST = 1024
SHAPES = {"square": (1, 1), "4:3": (4, 3), "2:1": (2, 1)}
Photos = dict[tuple[int, str], UInt8Array]


def sample_photos(sizes: list[int]) -> Photos:
    """Return a sample photo cut to each shape and resized to each long side of `sizes`."""
    cut = {}
    for (shape, (width, height)), path in zip(SHAPES.items(), (ASTRONAUT, CHELSEA, ASTRONAUT), strict=True):
        with Image.open(path) as photo:
            cut[shape] = ImageOps.fit(photo, (LARGEST, LARGEST * height // width))
    return {(size, shape): backends.resized(photo, size) for size in sizes for shape, photo in cut.items()}


def convert(graph: Path, models: Path, names: list[str], voc: Voc | None) -> None:
    """Write `graph`, converted for the engines `names`, into the folder `models`; keep files that are there already."""
    models.mkdir(exist_ok=True)
    frozen = models / backends.GRAPH
    for link, target in ((frozen, graph), (calibration_path(frozen), calibration_path(graph))):
        if target.exists() and not link.exists():
            link.symlink_to(target.resolve())
    if backends.ONNX_RUNTIME in names and not (models / backends.ONNX).exists():
        in_a_process(converters.convert_to_onnx, models)
    if backends.LITERT in names and not (models / backends.TFLITE).exists():
        in_a_process(converters.convert_to_litert, models)
    if backends.QUANTIZED in names and voc and not (models / backends.INT8).exists():
        photos = voc.photos()
        step = max(1, len(photos) // converters.CALIBRATION_PHOTOS)
        in_a_process(converters.quantize, models, photos[::step][: converters.CALIBRATION_PHOTOS])


def start(models: Path, threads: int, names: Iterable[str]) -> tuple[dict[str, EngineProcess], list[Result]]:
    """Load the engines one after the other; return their processes, by name, and a result for each."""
    engines = {name: EngineProcess(name, partial(backends.ENGINES[name], models, threads)) for name in names}
    return engines, [Result(name, engine.seconds_to_load) for name, engine in engines.items()]


def warm_up(engines: dict[str, EngineProcess], results: list[Result], photos: Photos) -> None:
    """Run every photo once; record the labels, the peak memory at sizes up to CANVAS, and larger sizes that fail."""
    for (size, shape), image in photos.items():
        for result in results:
            if size in result.failed:
                continue
            engine = engines[result.name]
            try:
                result.labels[size, shape] = engine.run(image).labels
            except EngineFailed as error:
                if size <= backends.CANVAS:
                    raise
                print(error, file=sys.stderr)
                result.failed.add(size)
                engine.restart()
            if size <= backends.CANVAS:
                result.peak_megabytes = engine.peak_megabytes
    stock = pick(results, backends.STOCK)
    for result in results:
        for (size, shape), labels in stock.labels.items():
            result.scores[size].compare(result.labels[size, shape], labels)


def measure(
    engines: dict[str, EngineProcess], results: list[Result], peaks: list[PeakSpeed], photos: Photos, runs: int
) -> None:
    """In each of `runs` rounds, time every engine on every photo, and the matrix products once."""
    anything, *_ = photos.values()
    for _ in range(runs):
        for (size, shape), image in photos.items():
            for result in results:
                if size not in result.failed:
                    milliseconds = engines[result.name].run_warm(image).milliseconds
                    result.times.setdefault((size, shape), []).append(milliseconds)
        for peak in peaks:
            peak.times.append(engines[peak.precision].run_warm(anything).milliseconds)


def judge(engines: dict[str, EngineProcess], results: list[Result], sizes: list[int], voc: Voc, step: int) -> None:
    """Score every engine at each of `sizes` on every `step`-th photo of `voc`."""
    for photo, mask in voc.scored(step):
        for size in sizes:
            image, stock = backends.resized(photo, size), None
            for result in results:  # that of the stock graph comes first
                if size in result.failed:
                    continue
                labels = engines[result.name].run(image).labels
                result.scores[size].judge(labels, mask)
                stock = labels if result.name == backends.STOCK else stock
                if stock is not None:
                    result.scores[size].compare(labels, stock)


def main() -> None:
    parser = argument_parser("benchmarks.engines", __doc__)
    parser.add_argument(
        "--voc", type=lambda text: Voc(Path(text)), help="a folder with JPEGImages, SegmentationClass and val.txt"
    )
    parser.add_argument("--runs", type=int, help="number of rounds; default: 20, or 5 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and every 8th photo of --voc")
    parser.add_argument(
        "--graph", type=Path, default=MOBILE, help="the frozen graph; default: that of the mobile model"
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[129, 257, 333, backends.CANVAS, LARGEST], help="long sides, in pixels"
    )
    parser.add_argument(
        "--engines", nargs="+", default=[""], help="only engines with one of these texts in their names"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads per engine; default: 2")
    parser.add_argument("--models", type=Path, help="folder in which to keep converted graphs for the next run")
    parser.add_argument("--table", type=Path, help="the Markdown file to write")
    parser.add_argument("--plot", type=Path, help="the SVG file to write")
    arguments = parser.parse_args()
    runs = arguments.runs or (5 if arguments.quick else 20)

    with nullcontext(arguments.models) if arguments.models else tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        names = [name for name in backends.ENGINES if any(word in name for word in arguments.engines)]
        convert(arguments.graph, models, names, arguments.voc)
        names = [name for name in names if name != backends.QUANTIZED or (models / backends.INT8).exists()]
        if not calibration_path(models / backends.GRAPH).exists():  # a graph without a calibration for int8
            names = [name for name in names if name not in backends.OURS or "int8" not in name]
        multiply_adds = in_a_process(converters.count_multiply_adds, models)
        engines, results = start(models, arguments.threads, names)
        peaks = [PeakSpeed(precision, multiply_adds) for precision in backends.MATRIX_PRODUCTS]
        for precision, load in backends.MATRIX_PRODUCTS.items():
            engines[precision] = EngineProcess(precision, partial(load, models, arguments.threads))
        photos = sample_photos(arguments.sizes)
        warm_up(engines, results, photos)
        measure(engines, results, peaks, photos, runs)
        if arguments.voc:
            judge(engines, results, arguments.sizes, arguments.voc, step=8 if arguments.quick else 1)
        for engine in engines.values():
            engine.stop()

    table = "\n".join(report(results, peaks, arguments.threads, runs))
    print(table)
    if arguments.table:
        arguments.table.write_text(f"{table}\n")
    if arguments.plot:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()
