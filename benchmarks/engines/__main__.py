"""Ours against the engines that people would use instead: time, labels, accuracy, memory and load time, in one run.

    python benchmarks/engines.py [--voc FOLDER] [--runs N] [--quick] [--table FILE.md] [--plot FILE.svg]
    python benchmarks/engines.py --graph full.pb --sizes 513 --engines TensorFlow ours OpenVINO,

All engines run the same frozen graph on the same photos, each in a process of its own, in turn: A B C A B C ..., one at
a time, so that a machine whose speed drifts is equally fast for all. A time is given as its ratio to the stock graph's
at 513 pixels, for the same photo in the same round; the stock graph takes as long for any smaller size. With --voc, a
folder in PASCAL VOC's layout, also the mean IoU on its photos, and the engine that has to be calibrated on photos.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import peers  # noqa: E402
from benchmarks.engines.report import Limit, Result, draw, lines, pick  # noqa: E402
from benchmarks.engines.scoring import Voc  # noqa: E402
from benchmarks.engines.engine_process import EngineFailed, Worker, in_a_process  # noqa: E402
from core.types import UInt8Array  # noqa: E402
from core.weights.registry import MOBILE  # noqa: E402

LARGEST = 1024
SHAPES = {"square": (1, 1), "4:3": (4, 3), "2:1": (2, 1)}
Photos = dict[tuple[int, str], UInt8Array]


def sample_photos(sizes: list[int]) -> Photos:
    """Return a sample photo cut to each shape and resized to each long side of `sizes`."""
    cut = {}
    for (shape, (width, height)), name in zip(SHAPES.items(), ("astronaut", "chelsea", "astronaut"), strict=True):
        with Image.open(ROOT / "assets" / f"{name}.jpg") as photo:
            cut[shape] = ImageOps.fit(photo, (LARGEST, LARGEST * height // width))
    return {(size, shape): peers.resized(photo, size) for size in sizes for shape, photo in cut.items()}


def convert(graph: Path, models: Path, names: list[str], voc: Voc | None) -> None:
    """Write what the engines `names` need of `graph` into `models`, but for what is there from another run."""
    models.mkdir(exist_ok=True)
    if not (models / peers.GRAPH).exists():
        (models / peers.GRAPH).symlink_to(graph.resolve())
    if peers.ONNX_RUNTIME in names and not (models / peers.ONNX).exists():
        in_a_process(peers.convert_to_onnx, models)
    if peers.LITERT in names and not (models / peers.TFLITE).exists():
        in_a_process(peers.convert_to_litert, models)
    if peers.QUANTIZED in names and voc and not (models / peers.INT8).exists():
        photos = voc.photos()
        step = max(1, len(photos) // peers.CALIBRATION_PHOTOS)
        in_a_process(peers.quantize, models, photos[::step][: peers.CALIBRATION_PHOTOS])


def start(models: Path, threads: int, names: Iterable[str]) -> tuple[dict[str, Worker], list[Result]]:
    """Return a loaded worker and an empty result for each engine; they are loaded one after the other."""
    workers = {name: Worker(name, partial(peers.ENGINES[name], models, threads)) for name in names}
    return workers, [Result(name, worker.seconds_to_load) for name, worker in workers.items()]


def warm_up(workers: dict[str, Worker], results: list[Result], photos: Photos) -> None:
    """Run every photo once, for the labels, the peak memory up to the graph's own size, and what fails beyond it."""
    for (size, shape), image in photos.items():
        for result in results:
            if size in result.failed:
                continue
            worker = workers[result.name]
            try:
                result.labels[size, shape] = worker.run(image).labels
            except EngineFailed as error:
                if size <= peers.CANVAS:
                    raise
                print(error, file=sys.stderr)
                result.failed.add(size)
                worker.restart()
            if size <= peers.CANVAS:
                result.peak_megabytes = worker.peak_megabytes
    stock = pick(results, peers.STOCK)
    for result in results:
        for (size, shape), labels in stock.labels.items():
            result.scores[size].compare(result.labels[size, shape], labels)


def measure(workers: dict[str, Worker], results: list[Result], limits: list[Limit], photos: Photos, runs: int) -> None:
    """Run every engine on every photo in each of `runs` rounds, and the matrix products of the limits once."""
    anything, *_ = photos.values()
    for _ in range(runs):
        for (size, shape), image in photos.items():
            for result in results:
                if size not in result.failed:
                    milliseconds = workers[result.name].run_warm(image).milliseconds
                    result.times.setdefault((size, shape), []).append(milliseconds)
        for limit in limits:
            limit.times.append(workers[limit.precision].run_warm(anything).milliseconds)


def judge(workers: dict[str, Worker], results: list[Result], sizes: list[int], voc: Voc, step: int) -> None:
    """Score every engine at each of `sizes` on every `step`-th photo of `voc`."""
    for photo, mask in voc.scored(step):
        for size in sizes:
            image, stock = peers.resized(photo, size), None
            for result in results:  # the stock graph's comes first
                if size in result.failed:
                    continue
                labels = workers[result.name].run(image).labels
                result.scores[size].judge(labels, mask)
                stock = labels if result.name == peers.STOCK else stock
                if stock is not None:
                    result.scores[size].compare(labels, stock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voc", type=lambda text: Voc(Path(text)), help="JPEGImages, SegmentationClass and val.txt")
    parser.add_argument("--runs", type=int, help="rounds; default: 20, or 5 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and every 8th photo of --voc")
    parser.add_argument("--graph", type=Path, default=MOBILE, help="the frozen graph; default: the mobile model's")
    parser.add_argument("--sizes", type=int, nargs="+", default=[257, peers.CANVAS, LARGEST], help="long sides")
    parser.add_argument("--engines", nargs="+", default=[""], help="only those with one of these words in their names")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", type=Path, help="folder that keeps the converted graphs for the next run")
    parser.add_argument("--table", type=Path, help="the Markdown file to write")
    parser.add_argument("--plot", type=Path, help="the SVG file to write")
    arguments = parser.parse_args()
    runs = arguments.runs or (5 if arguments.quick else 20)

    with nullcontext(arguments.models) if arguments.models else tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        names = [name for name in peers.ENGINES if any(word in name for word in arguments.engines)]
        convert(arguments.graph, models, names, arguments.voc)
        names = [name for name in names if name != peers.QUANTIZED or (models / peers.INT8).exists()]
        multiply_adds = in_a_process(peers.count_multiply_adds, models)
        workers, results = start(models, arguments.threads, names)
        limits = [Limit(precision, multiply_adds) for precision in peers.PRODUCTS]
        for precision, load in peers.PRODUCTS.items():
            workers[precision] = Worker(precision, partial(load, models, arguments.threads))
        photos = sample_photos(arguments.sizes)
        warm_up(workers, results, photos)
        measure(workers, results, limits, photos, runs)
        if arguments.voc:
            judge(workers, results, arguments.sizes, arguments.voc, step=8 if arguments.quick else 1)
        for worker in workers.values():
            worker.stop()

    table = "\n".join(lines(results, limits, arguments.threads, runs))
    print(table)
    if arguments.table:
        arguments.table.write_text(f"{table}\n")
    if arguments.plot:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()
