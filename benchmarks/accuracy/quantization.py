"""Measures what int8 loses: mean IoU and equal labels beside float32, and the error of each layer.

Segments the photos of a folder in the layout of PASCAL VOC at several sizes, and scores both halves of its list. The
bundled calibration was made from the first half. --graph names another graph that has a calibration beside it.
"simulated" is the arithmetic of the integer kernels in float32 operations, so that every CPU can measure what CPUs with
VNNI would compute; "kernels" are those of this CPU. With --layers, prints the root mean square error of each layer,
relative to its values, on every photo at the first size.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.engines.scoring import Score
from benchmarks.options import voc_argument_parser
from core.evaluation import read_voc
from core.graph.frozen_graph import read_graph
from core.graph.network import Network
from core.graph.optimize import optimize
from core.graph.quantize.calibration import read_calibration
from core.graph.quantize.compiler import quantize
from core.graph.quantize.simulation import SimulatedNetwork
from core.image.decode import read_image
from core.image.resize import resized
from core.runtime.canvas import count_cells, place_on_canvas
from core.runtime.cpu import computes_int8
from core.runtime.engine import Engine
from core.tensorflow import tf
from core.types import EngineOptions, UInt8Array
from core.weights.registry import MOBILE

FLOAT32, EXACT, SATURATING = "float32", "int8 with VNNI, simulated", "int8 without VNNI, simulated"
KERNELS = "int8, kernels of this CPU"


def layer_errors(network: Network, simulated: SimulatedNetwork, images: Iterable[UInt8Array]) -> dict[str, float]:
    """Return the relative error of each layer of the backbone, by name, over all `images`."""
    sums: dict[str, list[tuple[float, float]]] = {}
    outputs = {layer.layer.name: layer.output for layer in simulated.layers if layer.output}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        rows, columns = (count_cells(side) for side in tf.unstack(tf.shape(image)[:2]))
        integers = simulated.backbone_of(place_on_canvas(image, rows, columns, simulated))
        floats = network.connect(list(integers), {network.canvas: place_on_canvas(image, rows, columns, network)})
        values = {
            name: (found - outputs[name].zero) * outputs[name].steps.astype(np.float32)
            for name, found in integers.items()
        }
        pairs = {
            name: (tf.reduce_sum((found - expected) ** 2), tf.reduce_sum(expected**2))
            for (name, found), expected in zip(values.items(), floats, strict=True)
        }
        for array in images:
            for name, pair in session.run(pairs, {image: array}).items():
                sums.setdefault(name, []).append(pair)
    return {name: float(np.sqrt(np.divide(*np.sum(pairs, axis=0)))) for name, pairs in sums.items()}


def main() -> None:
    parser = voc_argument_parser("benchmarks.accuracy.quantization", __doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[513, 333, 257], help="long sides, in pixels")
    parser.add_argument("--graph", type=Path, default=MOBILE, help="a frozen graph; default: the bundled one")
    parser.add_argument(
        "--layers", action="store_true", help="print the error of each layer instead, without a decoder"
    )
    arguments = parser.parse_args()

    graph, options = read_graph(arguments.graph), EngineOptions(threads=2)
    network, calibration = optimize(graph), read_calibration(arguments.graph)
    simulated = {
        name: quantize(network, calibration, saturates=saturates, simulated=True)
        for name, saturates in ((EXACT, False), (SATURATING, True))
    }
    examples = read_voc(arguments.voc)
    half = len(examples) // 2
    chosen = [(number >= half, *example) for number, example in enumerate(examples)][:: arguments.every]

    def read(photo: Path, size: int) -> UInt8Array:
        return np.asarray(resized(read_image(photo.read_bytes(), max_pixels=10**7), size))

    if arguments.layers:
        integers = simulated[EXACT]
        if not isinstance(integers, SimulatedNetwork):
            parser.error(f"{arguments.graph} has a decoder, so that layers between its integers are float32")
        images = (read(photo, arguments.sizes[0]) for _, photo, _ in chosen)
        for name, error in layer_errors(network, integers, images).items():
            print(f"| {name} | {error:.2%} |")
        return
    engines = {name: Engine(graph, options, network=one) for name, one in ({FLOAT32: network} | simulated).items()}
    if computes_int8():
        engines[KERNELS] = Engine(graph, EngineOptions(threads=2, precision="int8"))
    print("| size | precision | mean IoU, first half | second half | all | labels equal |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in arguments.sizes:
        scores = {name: [Score(), Score(), Score()] for name in engines}
        for second, photo, mask in chosen:
            image, truth = read(photo, size), np.asarray(Image.open(mask))
            labels = {name: engine.run(image) for name, engine in engines.items()}
            for name, score in scores.items():
                for part in (score[second], score[2]):
                    part.judge(labels[name], truth)
                    part.compare(labels[name], labels[FLOAT32])
        for name, score in scores.items():
            columns = " | ".join(f"{part.mean_iou or 0:.2f}" for part in score)
            print(f"| {size} | {name} | {columns} | {score[2].agreement:.2f} % |", flush=True)


if __name__ == "__main__":
    main()
