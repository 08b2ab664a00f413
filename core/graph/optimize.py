"""Runs the passes on a frozen DeepLab graph and extracts its network, which computes the same logits faster.

A frozen graph also has pre-processing, which scales the image and pads it to a canvas of fixed size, and
post-processing, which upsamples the logits and takes the argmax. core.runtime.canvas replaces both for any image size.
Exporters write the pre-processing in different ways, so it is measured on a test image instead of being matched node
by node.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import ModelError
from core.graph.editor import CONVOLUTIONS, GraphEditor, Node, without_weights
from core.graph.frozen_graph import INPUT, OUTPUT, Graph
from core.graph.network import OUTPUT_STRIDE, Network, make_placeholder
from core.graph.passes import PASSES
from core.graph.passes.pointwise import pointwise_kernel
from core.tensorflow import tf

logger = logging.getLogger(__name__)

# Operations that a constant can bind to one canvas size. After the passes, their sizes must be computed.
SIZE_BOUND = ("SpaceToBatchND", "BatchToSpaceND", "ResizeBilinear", "AvgPool", "Placeholder")


class UnknownStructure(ModelError):
    """The structure of the graph is not the one that the optimizer expects; the message names the node."""


def optimize(graph: Graph, config: Any = None) -> Network:
    """Return the optimized network of `graph`.

    `config` is a ConfigProto for the session that measures the pre-processing. Raises UnknownStructure if a node that
    the optimizer looks for is missing or unexpected.
    """
    editor = GraphEditor(graph.graph_def)
    for run_pass in PASSES:
        before = len(editor.nodes)
        run_pass(editor)
        editor.prune([OUTPUT])
        logger.debug("%s: %d nodes, %d after it", run_pass.__name__, before, len(editor.nodes))
    logits, sizes = _find_logits(editor)
    canvas = editor.inputs(_find_first_convolution(editor))[0]
    scale, offset, padding, side = _measure_preprocessing(editor, canvas.name, config)
    pool = _find_image_pooling(editor, side)
    features = editor.inputs(pool)[0]
    for node in (canvas, pool):
        make_placeholder(node)
    editor.prune([logits.name])
    for node in editor:
        if node.op in SIZE_BOUND and node is not canvas and node is not pool and not _has_computed_size(editor, node):
            raise UnknownStructure(f"node {node.name} ({node.op}) fixes the image size of the network")
    head_inputs = {features.name, pool.name}
    head = editor.descendants(head_inputs) - head_inputs
    head_nodes = [editor.nodes[name] for name in head]
    read = {source.name for node in head_nodes for source in editor.inputs(node) if source.op != "Const"}
    convolutions = [node for node in head_nodes if node.op in CONVOLUTIONS]
    network = Network(
        graph_def=editor.graph_def(),
        canvas=canvas.name,
        features=features.name,
        skip_inputs=tuple(sorted(read - head - head_inputs)),
        pooled=pool.name,
        logits=logits.name,
        scale=scale,
        offset=offset,
        padding=padding,
        side=side,
        pointwise_head=all(pointwise_kernel(editor, node) is not None for node in convolutions),
    )
    network = replace(network, logits_stride=_measure_logits_stride(network))
    own_size = (side - 1) // network.logits_stride + 1
    if [size for size in sizes if size != [own_size, own_size]] != [[side, side]]:
        raise UnknownStructure(f"node {logits.name} is resized from {own_size} to {sizes}: expected once, to {side}")
    return network


def _find_logits(editor: GraphEditor) -> tuple[Node, list[list[int]]]:
    """Return the logits before their upsampling, and the sizes that ResizeBilinear nodes resize them to.

    The sizes, [rows, columns] each, are in order from the ArgMax to the logits; a computed size is an empty list.
    """
    argmax = editor.nodes[OUTPUT]
    while argmax.op != "ArgMax":
        argmax = editor.inputs(argmax)[0]
    logits, sizes = editor.inputs(argmax)[0], []
    while logits.op == "ResizeBilinear":
        if not logits.attr["align_corners"].b:
            raise UnknownStructure(f"node {logits.name} resizes the logits without align_corners")
        logits, size = editor.inputs(logits)
        constant = editor.constant(size)
        sizes.append([] if constant is None else constant.tolist())
    if not sizes:
        raise UnknownStructure(f"node {logits.name} ({logits.op}) feeds {argmax.name}: expected a ResizeBilinear")
    return logits, sizes


def _find_first_convolution(editor: GraphEditor) -> Node:
    """Return the convolution over the three colour channels, which reads the canvas."""
    convolutions = []
    for node in editor:
        if node.op == "Conv2D":
            kernel = editor.constant(editor.inputs(node)[1])
            if kernel is not None and kernel.shape[2] == 3:
                convolutions.append(node)
    if len(convolutions) != 1:
        names = [node.name for node in convolutions]
        raise UnknownStructure(f"expected one convolution over 3 channels, found {names}")
    return convolutions[0]


def _measure_preprocessing(editor: GraphEditor, canvas: str, config: Any) -> tuple[float, float, float, int]:
    """Return the scale, offset, padding and side of the canvas, measured on an image that has all 256 pixel values."""
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, axis=-1)
    with tf.Graph().as_default():
        [output] = tf.import_graph_def(editor.graph_def([canvas]), name="", return_elements=[f"{canvas}:0"])
        with tf.compat.v1.Session(config=config) as session:
            result = session.run(output, {f"{INPUT}:0": image})
    if result.ndim != 4 or result.shape[1] != result.shape[2] or result.shape[1] % OUTPUT_STRIDE != 1:
        raise UnknownStructure(f"node {canvas} has shape {result.shape}, expected a square canvas of 8 n + 1 pixels")
    side, padding, offset = result.shape[1], float(result[0, -1, -1, 0]), result[0, 0, 0, 0]
    scale = np.float32((result[0, 15, 15, 0] - np.float64(offset)) / 255)
    expected = np.full(result.shape, padding, np.float32)
    expected[0, :16, :16] = image[0] * scale + offset
    if not np.allclose(result, expected, rtol=0, atol=1e-6):
        raise UnknownStructure(f"node {canvas} is not the image, scaled and padded on the right and bottom")
    return float(scale), float(offset), padding, side


def _find_image_pooling(editor: GraphEditor, side: int) -> Node:
    """Return the average pooling, whose window must be the whole canvas of `side` pixels a side."""
    cells = (side - 1) // OUTPUT_STRIDE + 1
    pools = [node for node in editor if node.op == "AvgPool"]
    if len(pools) != 1:
        raise UnknownStructure(f"expected one AvgPool, found {[node.name for node in pools]}")
    window, expected = list(pools[0].attr["ksize"].list.i), [1, cells, cells, 1]
    if window != expected:
        raise UnknownStructure(f"node {pools[0].name} pools {window}, expected the whole canvas, {expected}")
    return pools[0]


def _has_computed_size(editor: GraphEditor, node: Node) -> bool:
    """Return whether `node` has inputs for its size, of which the last is not a constant."""
    return len(node.input) > 1 and editor.constant(editor.inputs(node)[-1]) is None


def _measure_logits_stride(network: Network) -> int:
    """Return the number of pixels from one cell of the logits to the next, by shape inference on a small canvas."""
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
