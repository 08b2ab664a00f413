"""The optimized network: a GraphDef from canvas to logits that can be connected to tensors of another graph."""

from dataclasses import dataclass
from typing import Any

from core.graph.editor import GraphEditor, Node
from core.tensorflow import tf
from core.types import Array

# Pixels from one cell of the features to the next, in DeepLab graphs of output stride 8 (Chen et al. 2017,
# arXiv:1706.05587). A cell is one spatial position of the features.
OUTPUT_STRIDE = 8


@dataclass(frozen=True)
class Network:
    """A network that computes logits from a canvas: an image, scaled, with padding on its right and bottom.

    `graph_def` has two parts. The backbone maps the node `canvas`, float32 [1, 8 h + 1, 8 w + 1, 3], to the node
    `features`, float32 [1, h + 1, w + 1, channels], and to the nodes `skip_inputs`: further tensors that the head
    reads, such as a decoder's skip features and their size. The head maps these and the input `pooled`, float32
    [1, 1, 1, channels], the image pooling, to the node `logits`, float32 [1, rows, columns, classes].

    The canvas holds a pixel value x in 0..255 as x * `scale` + `offset`, and padding as `padding`. The graph was
    exported for a square canvas of `side` pixels a side. `pointwise_head` tells whether all convolutions of the head
    are 1 x 1, so that the logits of a cell depend on the features of that cell and on `pooled` only. `logits_stride`
    is the number of pixels from one cell of the logits to the next: OUTPUT_STRIDE, or less after a decoder.

    In an integer network, `feature_steps`, float32 [channels], is not None. Its canvas and its features are uint8: the
    canvas holds pixel values, with `border` pixels of padding on each side, and the features are multiples of
    `feature_steps`. The other tensors are as above. `padding_correction`, float32 [channels], is added to the features
    of padding, in real units, when they stand for padding that is not computed: their rounding errors are equal in all
    cells, and would not cancel each other out. The node `sums`, if there is one, has the sums of the features over
    squares of cells, int32 [1, rows, columns, channels].
    """

    graph_def: Any
    canvas: str
    features: str
    skip_inputs: tuple[str, ...]
    pooled: str
    logits: str
    scale: float
    offset: float
    padding: float
    side: int
    pointwise_head: bool
    logits_stride: int = OUTPUT_STRIDE
    border: int = 0
    feature_steps: Array | None = None
    padding_correction: Array | None = None
    sums: str = ""

    def features_of(self, canvas: Any) -> list[Any]:
        """Add the backbone to the graph of the tensor `canvas`; return the features, followed by the skip inputs."""
        return self.connect([self.features, *self.skip_inputs], {self.canvas: canvas})

    def sums_of(self, features: Any) -> Any:
        """Add the node `sums` to the graph of the tensor `features`; return its tensor."""
        return self.connect([self.sums], {self.features: features})[0]

    def logits_of(self, features: list[Any], pooled: Any) -> Any:
        """Add the head to the graph of the tensors; return the logits of `features`, as features_of() returns them."""
        inputs = dict(zip([self.features, *self.skip_inputs], features, strict=True))
        [logits] = self.connect([self.logits], inputs | {self.pooled: pooled})
        return logits

    def connect(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Import the nodes `outputs` and those they depend on; `inputs` maps nodes to the tensors that replace them.

        Returns the outputs as tensors of the graph of `inputs`.
        """
        part = GraphEditor(self.graph_def)
        for name, tensor in inputs.items():
            make_placeholder(part.nodes[name], tensor.dtype)
        part.prune(outputs)
        used = {name: tensor for name, tensor in inputs.items() if name in part.nodes}
        names = [f"{name}:0" for name in outputs]
        tensors: list[Any] = tf.import_graph_def(part.graph_def(), name="", input_map=used, return_elements=names)
        return tensors


def make_placeholder(node: Node, dtype: Any = tf.float32) -> None:
    """Turn `node` into a placeholder of `dtype`, an input of its graph."""
    node.op = "Placeholder"
    node.ClearField("input")
    node.ClearField("attr")
    node.attr["dtype"].type = dtype.as_datatype_enum
    node.attr["shape"].shape.unknown_rank = True
