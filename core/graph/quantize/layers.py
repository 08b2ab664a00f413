"""Finds the layers of a network: each convolution with its bias, its residual sum and its activation."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import ModelError
from core.graph.editor import CONVOLUTIONS, GraphEditor, Node
from core.graph.network import OUTPUT_STRIDE, Network
from core.types import Array

ACTIVATIONS = ("Relu", "Relu6")
SUMS = ("Add", "AddV2")


class NotQuantizable(ModelError):
    """The network has a structure that the integer kernels do not compute; the message names the node."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with everything that one integer kernel computes.

    `name` is the node with the result: the activation, the residual sum or the BiasAdd. `source` is the name of the
    layer that the convolution reads, or the node of the canvas. The canvas of an integer network contains the padding
    of its convolution, so that `padding` is VALID there and SAME elsewhere. `kernel` is float32 [height, width, in,
    out], for a depthwise one [height, width, channels, 1]. `bias` is float32 [out], or None if the node `bias_node`
    computes it for each image, as the image pooling does. `summand` is the layer whose result is added, or "".
    """

    name: str
    source: str
    kernel: Array
    bias: Array | None
    bias_node: str
    depthwise: bool
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: str
    activation: str
    summand: str

    @property
    def linear(self) -> bool:
        """Whether the result has no activation, so that it has both signs."""
        return not self.activation

    @property
    def channels(self) -> int:
        """The number of output channels."""
        return int(self.kernel.shape[2 if self.depthwise else 3])


def find_layers(network: Network) -> list[Layer]:
    """Return the layers of `network` from the canvas to the logits, each after those that it reads.

    Nodes that only the image pooling feeds belong to no layer. Raises NotQuantizable.
    """
    if network.skip_inputs:
        raise NotQuantizable(f"node {network.skip_inputs[0]} leads around the features into a decoder")
    graph = GraphEditor(network.graph_def)
    found: dict[str, Layer] = {}
    covered: set[str] = set()
    canvas_fed = {network.canvas}  # the nodes that depend on the canvas
    for node in _in_order(graph, network.logits):
        if canvas_fed.isdisjoint(source.name for source in graph.inputs(node)):
            continue
        canvas_fed.add(node.name)
        if node.name in covered:
            continue
        if node.op not in CONVOLUTIONS:
            raise NotQuantizable(f"node {node.name} ({node.op}) is not part of a convolution")
        layer, nodes = _read_layer(graph, node, found, network.canvas)
        if layer.source != network.canvas and layer.source not in found:
            raise NotQuantizable(f"node {node.name} reads {layer.source}, which is not the result of a layer")
        found[layer.name] = layer
        covered |= nodes
    for layer in found.values():
        _check_readers(graph, layer, network.logits)
    for name, linear in ((network.features, False), (network.logits, True)):
        if name not in found or found[name].linear != linear:
            kind = "without" if linear else "with"
            raise NotQuantizable(f"node {name} ({graph.nodes[name].op}) is not a layer {kind} an activation")
    readers = [layer for layer in found.values() if layer.source == network.canvas]
    if len(readers) != 1 or readers[0].kernel.shape[0] % 2 == 0 or OUTPUT_STRIDE % readers[0].strides[1]:
        raise NotQuantizable(f"the canvas is read by {[reader.name for reader in readers]}, expected one odd kernel")
    return list(found.values())


def border(layers: list[Layer], canvas: str) -> int:
    """Return how many pixels the convolution of `layers` that reads `canvas` pads on each side.

    They are equal on all sides, because the kernel is odd and a canvas has 8 n + 1 pixels.
    """
    [first] = [layer for layer in layers if layer.source == canvas]
    return int(first.kernel.shape[0] - 1) // 2


def _read_layer(graph: GraphEditor, convolution: Node, found: dict[str, Layer], canvas: str) -> tuple[Layer, set[str]]:
    """Return the layer of `convolution` and the names of its nodes; `found` are the layers before it."""
    source, kernel_node = graph.inputs(convolution)
    kernel = graph.constant(kernel_node)
    depthwise = convolution.op == "DepthwiseConv2dNative"
    readers = graph.consumers(convolution)
    if [reader.op for reader in readers] != ["BiasAdd"]:
        operations = [reader.op for reader in readers]
        raise NotQuantizable(f"node {convolution.name} ({convolution.op}) is read by {operations}, expected a BiasAdd")
    if kernel is None or (depthwise and kernel.shape[3] != 1) or convolution.attr["padding"].s != b"SAME":
        raise NotQuantizable(f"node {convolution.name} ({convolution.op}) has an unexpected kernel or padding")
    last, activation, summand = readers[0], "", ""
    nodes = {convolution.name, last.name}
    bias_node = graph.inputs(last)[1]
    readers = graph.consumers(last)
    if len(readers) == 1 and readers[0].op in ACTIVATIONS:
        last, activation = readers[0], readers[0].op
    elif len(readers) == 1 and readers[0].op in SUMS:
        [other] = [operand for operand in graph.inputs(readers[0]) if operand.name != last.name]
        if other.name in found:  # else this layer comes first, and the other one adds itself to it
            last, summand = readers[0], other.name
    layer = Layer(
        name=last.name,
        source=source.name,
        kernel=kernel,
        bias=graph.constant(bias_node),
        bias_node=bias_node.name,
        depthwise=depthwise,
        strides=tuple(convolution.attr["strides"].list.i),
        dilations=tuple(convolution.attr["dilations"].list.i) or (1, 1, 1, 1),
        padding="VALID" if source.name == canvas else "SAME",
        activation=activation,
        summand=summand,
    )
    if summand:
        _check_summand(graph, layer, found[summand], convolution)
    return layer, nodes | {last.name}


def _check_summand(graph: GraphEditor, layer: Layer, summand: Layer, convolution: Node) -> None:
    """Raise NotQuantizable unless all other readers of `summand` have run before `convolution`.

    The kernel writes its result over the summand.
    """
    before = graph.ancestors([convolution.name])
    others = [node for node in graph.consumers(graph.nodes[summand.name]) if node.name != layer.name]
    late = [node.name for node in others if node.name not in before]
    if late or not summand.linear:
        raise NotQuantizable(f"node {layer.name} adds {summand.name}, which {late or 'an activation'} needs unchanged")


def _check_readers(graph: GraphEditor, layer: Layer, logits: str) -> None:
    """Raise NotQuantizable if a convolution pads the result of a linear `layer`, whose zero is not the integer 0."""
    for reader in graph.consumers(graph.nodes[layer.name]) if layer.linear and layer.name != logits else ():
        kernel = graph.constant(graph.inputs(reader)[1]) if reader.op in CONVOLUTIONS else None
        if kernel is not None and kernel.shape[:2] != (1, 1):
            raise NotQuantizable(f"node {reader.name} ({reader.op}) pads {layer.name}, which has no activation")


def _in_order(graph: GraphEditor, output: str) -> Iterator[Node]:
    """Yield the nodes that `output` depends on, each after its inputs, and `output` last."""
    done: set[str] = set()
    pending = [graph.nodes[output]]
    while pending:
        node = pending[-1]
        missing = [source for source in graph.inputs(node) if source.name not in done]
        if missing and node.name not in done:
            pending.extend(missing)
            continue
        pending.pop()
        if node.name not in done:
            done.add(node.name)
            yield node
