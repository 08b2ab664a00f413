"""Prints how near each convolution of a graph is to the peak of this CPU, and which kinds of nodes take the time.

A session like the service's segments a 4:3 photo, and TensorFlow measures each of its nodes. Equal convolutions share
a row. Beside each is a matrix product of the same shape (pixels x kernel x output channels) with constant weights; or,
beside a depthwise one, which is bound by memory, a copy of its input. They take turns with the network. Times are the
least of all rounds, so that other work on the machine counts little. Rows below a thousandth of the time are left out.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.convolutions.tracer import Operation, Tracer
from benchmarks.engines.backends import resized
from benchmarks.engines.report import processor
from benchmarks.options import argument_parser
from core.graph.frozen_graph import read_graph
from core.graph.optimize import optimize
from core.runtime.canvas import segment
from core.runtime.session_config import session_config
from core.tensorflow import tf
from core.types import Precision, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import CHELSEA


def trace_network(path: Path, precision: Precision, threads: int, image: UInt8Array) -> Tracer:
    """Return a tracer of the session that segments `image` as the service does."""
    network = optimize(read_graph(path), session_config(threads))
    with tf.Graph().as_default() as graph:
        pixels = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        padding_mean = tf.compat.v1.placeholder(tf.float32, [None])
        min_cells = tf.compat.v1.placeholder(tf.int32, [])
        outputs = list(segment(network, pixels, padding_mean, min_cells, "fit"))
    feeds = {pixels: image, padding_mean: np.zeros(1, np.float32), min_cells: 0}
    return Tracer(graph, session_config(threads, precision), outputs, feeds)


def trace_peak(operation: Operation, precision: Precision, threads: int) -> Tracer:
    """Return a tracer of the matrix product of the shape of `operation`, or of a copy of a depthwise one's input."""
    dtype, generator = tf.as_dtype(precision), np.random.default_rng(0)
    pixels, size, channels = operation.matrices
    shape = operation.source if operation.depthwise else (pixels, size)
    with tf.Graph().as_default() as graph:
        values = tf.compat.v1.placeholder(dtype, shape)
        if operation.depthwise:
            output = tf.raw_ops.DeepCopy(x=values)
        else:
            weights = generator.standard_normal((size, channels), np.float32).astype(dtype.as_numpy_dtype)
            output = tf.matmul(values, tf.constant(weights))
    feeds = {values: generator.standard_normal(shape, np.float32).astype(dtype.as_numpy_dtype)}
    return Tracer(graph, session_config(threads), [output.op], feeds)


@dataclass(frozen=True)
class Row:
    """Equal convolutions of the network: the least milliseconds of each, and those of the product or the copy.

    A number has `size` bytes.
    """

    operation: Operation
    size: int
    milliseconds: list[float]
    peak: float

    def __str__(self) -> str:
        operation, count, total = self.operation, len(self.milliseconds), sum(self.milliseconds)
        own, peak = (f"{self.amount / milliseconds / 1e6:.0f}" for milliseconds in (total / count, self.peak))
        unit = "GB/s" if operation.depthwise else "GFLOP/s"
        speeds = f"{operation.flop / 1e9:.2f} | {own} {unit} | {peak} {unit} | {self.peak * count / total:.2f}"
        return f"| {operation} | {count} | {total:.1f} | {speeds} |"

    @property
    def amount(self) -> int:
        """What one node moves, in bytes, if it is depthwise; else its multiplications and additions."""
        return 2 * self.size * math.prod(self.operation.source) if self.operation.depthwise else self.operation.flop


def convolutions(rows: list[Row], total: float) -> Iterator[str]:
    """Yield the table of `rows` in Markdown, and what they would take at their peak."""
    yield "| convolution | nodes | ms, all | GFLOP, each | speed | product's or copy's | of it |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from (str(row) for row in rows if sum(row.milliseconds) > total / 1000)
    for kind, peak, depthwise in (("pointwise and full", "products", False), ("depthwise", "copies", True)):
        some = [row for row in rows if row.operation.depthwise == depthwise]
        nodes, own = sum(len(row.milliseconds) for row in some), sum(sum(row.milliseconds) for row in some)
        least = sum(row.peak * len(row.milliseconds) for row in some)
        yield f"\n{nodes} {kind} convolutions take {own:.1f} of {total:.1f} ms; as {peak} {least:.1f} ms"


def profile(groups: dict[str, list[float]], total: float) -> Iterator[str]:
    """Yield the table of the time by kind of node in Markdown."""
    yield "\n| kind of node | nodes | ms | share |"
    yield "| --- | --- | --- | --- |"
    for kind, times in sorted(groups.items(), key=lambda group: -sum(group[1])):
        if sum(times) > total / 1000:
            yield f"| {kind} | {len(times)} | {sum(times):.1f} | {sum(times) / total:.1%} |"


def measure(network: Tracer, precision: Precision, threads: int, runs: int) -> Iterator[str]:
    """Yield the report on `network` after `runs` rounds."""
    operations = network.operations()
    different = {operation for operation in operations.values() if operation.kernel}
    peaks = {operation: trace_peak(operation, precision, threads) for operation in different}
    for _ in range(runs):
        for tracer in (network, *peaks.values()):
            tracer.run()
    groups: dict[Operation, list[float]] = defaultdict(list)
    kinds: dict[str, list[float]] = defaultdict(list)
    for name, spent in network.milliseconds.items():
        operation = operations.get(name, Operation("unknown"))
        groups[operation].append(spent)
        kinds[operation.op].append(spent)
    # The product or the copy is the node that takes the longest in its graph.
    size = tf.as_dtype(precision).size
    rows = [
        Row(group, size, times, max(peaks[group].milliseconds.values()))
        for group, times in groups.items()
        if group.kernel
    ]
    total = sum(map(sum, kinds.values()))
    yield from convolutions(sorted(rows, key=lambda row: -sum(row.milliseconds)), total)
    yield from profile(kinds, total)


def main() -> None:
    parser = argument_parser("benchmarks.convolutions", __doc__)
    parser.add_argument(
        "graph", type=Path, nargs="?", default=MOBILE, help="a frozen graph; default: the mobile model's"
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="default: float32")
    parser.add_argument("--size", type=int, default=513, help="long side of the photo in pixels; default: 513")
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    parser.add_argument("--runs", type=int, default=10, help="number of rounds; default: 10")
    arguments = parser.parse_args()
    with Image.open(CHELSEA) as photo:
        image = resized(ImageOps.fit(photo, (1024, 768)), arguments.size)
    network = trace_network(arguments.graph, arguments.precision, arguments.threads, image)
    print(f"{processor()}, {arguments.threads} threads, {arguments.precision}, least of {arguments.runs} rounds\n")
    for line in measure(network, arguments.precision, arguments.threads, arguments.runs):
        print(line)


if __name__ == "__main__":
    main()
