"""An optimized network, taken out of its graph and put together again in another."""

from dataclasses import dataclass
from typing import Any

from core.graph.editor import GraphEditor, Node
from core.tensorflow import tf

# Pixels from one cell of the features to the next, in a DeepLab graph at output stride 8 (Chen et al. 2017).
OUTPUT_STRIDE = 8


@dataclass(frozen=True)
class Network:
    """A network from a padded canvas to logits.

    `graph_def` maps `canvas`, float32 [1, 8 h + 1, 8 w + 1, 3], to `features`, float32 [1, h + 1, w + 1, channels],
    and these, with their mean `pooled`, float32 [1, 1, 1, channels], and what the head reads of earlier layers,
    `others`, to `logits`, float32 [1, rows, columns, classes]: as many as the features, or more after a decoder.
    A pixel's value x in 0..255 stands in the canvas as x * `scale` + `offset`, the padding as `padding`. `side` is the
    side in pixels of the square canvas that the graph was exported for. With a `pointwise_head` the logits of a cell
    depend on its own features only, and on the pooling. `logits_stride` is in pixels from one cell of the logits to
    the next.
    """

    graph_def: Any
    canvas: str
    features: str
    others: tuple[str, ...]
    pooled: str
    logits: str
    scale: float
    offset: float
    padding: float
    side: int
    pointwise_head: bool
    logits_stride: int = OUTPUT_STRIDE

    def features_of(self, canvas: Any) -> list[Any]:
        """Return the features and the others of the tensor `canvas`, in its graph."""
        outputs = [self.features, *self.others]
        return self._connect(outputs, {self.canvas: canvas})

    def logits_of(self, features: list[Any], pooled: Any) -> Any:
        """Return the logits of `features`, as features_of() returns them, and the tensor `pooled`, in their graph."""
        inputs = dict(zip([self.features, *self.others], features, strict=True))
        [logits] = self._connect([self.logits], inputs | {self.pooled: pooled})
        return logits

    def _connect(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Return the tensors of the nodes `outputs`, with `inputs` in the place of the nodes they are named after."""
        part = GraphEditor(self.graph_def)
        for name in inputs:
            make_placeholder(part.nodes[name])
        part.prune(outputs)
        used = {name: tensor for name, tensor in inputs.items() if name in part.nodes}
        names = [f"{name}:0" for name in outputs]
        tensors: list[Any] = tf.import_graph_def(part.graph_def(), name="", input_map=used, return_elements=names)
        return tensors


def make_placeholder(node: Node) -> None:
    """Turn `node` into an input of its graph."""
    node.op = "Placeholder"
    node.ClearField("input")
    node.ClearField("attr")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["shape"].shape.unknown_rank = True
