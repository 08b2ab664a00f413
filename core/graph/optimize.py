"""Frozen DeepLab graph -> its network alone, faster and for any canvas: the same logits, with the edges cut off.

A frozen graph has edges around its network: in front, the image is scaled and padded to the canvas it was exported
for; behind, the logits are enlarged and the best class taken. Exporters wrote these in different ways, so they are not
matched node by node but tried out: what the front makes of a small image tells all there is to know of it.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import ModelError
from core.graph.editor import CONVOLUTIONS, GraphEditor, Node, without_weights
from core.graph.load import INPUT, OUTPUT, Graph
from core.graph.network import OUTPUT_STRIDE, Network, make_placeholder
from core.graph.passes import PASSES
from core.graph.passes.pointwise import pointwise_kernel
from core.tensorflow import tf

# Operations whose constants hold for one size of the canvas only; the passes must have left none of them with such.
SIZE_BOUND = ("SpaceToBatchND", "BatchToSpaceND", "ResizeBilinear", "AvgPool", "Placeholder")


class UnknownStructure(ModelError):
    """The graph is not built as the optimizer expects; the message names the node."""


def optimize(graph: Graph, config: Any = None) -> Network:
    """Return the network of `graph`; `config` is a ConfigProto for the session in which its front is tried out.

    Raises UnknownStructure where it is not a DeepLab graph as this knows them.
    """
    editor = GraphEditor(graph.graph_def)
    for simplify in PASSES:
        simplify(editor)
        editor.prune([OUTPUT])
    logits, sizes = _find_logits(editor)
    first = _find_first_convolution(editor)
    canvas = editor.inputs(first)[0]
    scale, offset, padding, side = _try_front(editor, canvas.name, config)
    pool = _find_image_pooling(editor, side)
    features = editor.inputs(pool)[0]
    for cut in (canvas, pool):
        make_placeholder(cut)
    editor.prune([logits.name])
    for node in editor:
        if node.op in SIZE_BOUND and not _follows_sizes(editor, node) and node is not canvas and node is not pool:
            raise UnknownStructure(f"node {node.name} ({node.op}) ties the network to one image size")
    head = {node.name for node in editor if {features.name, pool.name} & editor.ancestors([node.name])}
    head -= {features.name, pool.name}
    behind = [editor.nodes[name] for name in head]
    read = {source.name for node in behind for source in editor.inputs(node) if source.op != "Const"}
    network = Network(
        graph_def=editor.graph_def(),
        canvas=canvas.name,
        features=features.name,
        others=tuple(sorted(read - head - {features.name, pool.name})),
        pooled=pool.name,
        logits=logits.name,
        scale=scale,
        offset=offset,
        padding=padding,
        side=side,
        pointwise_head=all(pointwise_kernel(editor, node) is not None for node in behind if node.op in CONVOLUTIONS),
    )
    network = replace(network, logits_stride=_measure_logits_stride(network))
    own_size = (side - 1) // network.logits_stride + 1
    if [size for size in sizes if size != [own_size, own_size]] != [[side, side]]:
        raise UnknownStructure(f"node {logits.name} is enlarged from {own_size} to {sizes}: expected once, to {side}")
    return network


def _measure_logits_stride(network: Network) -> int:
    """Return the pixels from one cell of the logits to the next, by TensorFlow's shapes for a small canvas."""
    side = 4 * OUTPUT_STRIDE + 1
    network = replace(network, graph_def=without_weights(network.graph_def))
    with tf.Graph().as_default():
        features = network.features_of(tf.compat.v1.placeholder(tf.float32, [1, side, side, 3]))
        pooled = tf.compat.v1.placeholder(tf.float32, [1, 1, 1, features[0].shape[-1]])
        logits = network.logits_of(features, pooled)
    rows = logits.shape[1] if logits.shape.rank else None
    if not rows or rows < 2 or (side - 1) % (rows - 1):
        raise UnknownStructure(f"node {network.logits} has shape {logits.shape} for a canvas of {side} x {side}")
    return int((side - 1) // (rows - 1))


def _follows_sizes(editor: GraphEditor, node: Node) -> bool:
    """Whether the sizes that `node` is given, in all its inputs but the first, are worked out from its surroundings."""
    return len(node.input) > 1 and editor.constant(editor.inputs(node)[-1]) is None


def _find_logits(editor: GraphEditor) -> tuple[Node, list[list[int]]]:
    """Return the node whose output, enlarged by ResizeBilinear, the ArgMax of the output reads, and to which sizes."""
    node = editor.nodes[OUTPUT]
    while node.op != "ArgMax":
        node = editor.inputs(node)[0]
    enlarged = editor.inputs(node)[0]
    logits, sizes = enlarged, []
    while logits.op == "ResizeBilinear":
        if not logits.attr["align_corners"].b:
            raise UnknownStructure(f"node {logits.name} enlarges the logits without align_corners")
        logits, size = editor.inputs(logits)
        known = editor.constant(size)
        sizes.append([] if known is None else known.tolist())
    if logits is enlarged:
        raise UnknownStructure(f"node {logits.name} ({logits.op}) feeds {node.name}: expected a ResizeBilinear")
    return logits, sizes


def _find_first_convolution(editor: GraphEditor) -> Node:
    """Return the one convolution over three channels, which reads the canvas."""
    found = []
    for node in editor:
        if node.op == "Conv2D":
            kernel = editor.constant(editor.inputs(node)[1])
            if kernel is not None and kernel.shape[2] == 3:
                found.append(node)
    if len(found) != 1:
        raise UnknownStructure(f"expected one convolution over 3 channels, found {[node.name for node in found]}")
    return found[0]


def _find_image_pooling(editor: GraphEditor, side: int) -> Node:
    """Return the one average pooling, which must be over the whole canvas."""
    cells = (side - 1) // OUTPUT_STRIDE + 1
    pools = [node for node in editor if node.op == "AvgPool"]
    if len(pools) != 1:
        raise UnknownStructure(f"expected one AvgPool, found {[node.name for node in pools]}")
    size = list(pools[0].attr["ksize"].list.i)
    if size != [1, cells, cells, 1]:
        raise UnknownStructure(f"node {pools[0].name} pools {size}, expected the whole of {cells} x {cells} cells")
    return pools[0]


def _try_front(graph: GraphEditor, canvas: str, config: Any) -> tuple[float, float, float, int]:
    """Return the scale, offset, padding and side of the canvas that `graph` makes of an image, found by making one."""
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, axis=-1)
    with tf.Graph().as_default():
        [output] = tf.import_graph_def(graph.graph_def([canvas]), name="", return_elements=[f"{canvas}:0"])
        with tf.compat.v1.Session(config=config) as session:
            made = session.run(output, {f"{INPUT}:0": image})
    if made.ndim != 4 or made.shape[1] != made.shape[2] or made.shape[1] % OUTPUT_STRIDE != 1:
        raise UnknownStructure(f"node {canvas} makes {made.shape}, expected a square canvas of 8 n + 1 pixels")
    side, padding, offset = made.shape[1], float(made[0, -1, -1, 0]), made[0, 0, 0, 0]
    scale = np.float32((made[0, 15, 15, 0] - np.float64(offset)) / 255)
    expected = np.full(made.shape, padding, np.float32)
    expected[0, :16, :16] = image[0] * scale + offset
    if not np.allclose(made, expected, rtol=0, atol=1e-6):
        raise UnknownStructure(f"node {canvas} is not the image, scaled and padded on the right and bottom")
    return float(scale), float(offset), padding, side
