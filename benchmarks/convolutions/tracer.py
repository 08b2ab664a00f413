"""Sessions whose nodes TensorFlow measures, and what the nodes compute."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.tensorflow import tf

WARM_UP = 2
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """What a node computes; equal convolutions share a row of the table.

    `source` and `output` are [batch, height, width, channels], `kernel` is [height, width, in, out], and empty if the
    node is no convolution. `after` are the operations that its kernel computes too, such as BiasAdd and Relu.
    """

    op: str
    source: Shape = ()
    kernel: Shape = ()
    output: Shape = ()
    dilation: int = 1
    after: str = ""

    @property
    def depthwise(self) -> bool:
        return "Depthwise" in self.op

    @property
    def matrices(self) -> Shape:
        """The pixels, the size of the kernel of one output channel, and the output channels."""
        size = math.prod(self.kernel[:2] if self.depthwise else self.kernel[:3])
        return math.prod(self.output[:3]), size, self.output[3]

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return 2 * math.prod(self.matrices)

    def __str__(self) -> str:
        _, height, width, channels = self.source
        size = f"{self.kernel[0]} x {self.kernel[1]}" + (f", rate {self.dilation}" if self.dilation > 1 else "")
        batch = f"{self.source[0]} x " if self.source[0] > 1 else ""
        kind = "depthwise " if self.depthwise else ""
        return f"{kind}{size}: {batch}{height} x {width} x {channels} -> {self.output[3]}{self.after}"


class Tracer:
    """A session whose nodes are timed. `milliseconds` has the least time of each node, by name."""

    def __init__(self, graph: Any, config: Any, outputs: list[Any], feeds: dict[Any, Any]) -> None:
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        self._outputs, self._feeds = outputs, feeds
        self.milliseconds: dict[str, float] = {}
        for _ in range(WARM_UP):
            self._trace()

    def run(self) -> None:
        """Run the session once, and keep the least time of each node."""
        for node in self._nodes(self._trace()):
            spent = (node.op_end_rel_nanos - node.op_start_rel_nanos) / 1e6
            self.milliseconds[node.node_name] = min(spent, self.milliseconds.get(node.node_name, math.inf))

    def operations(self) -> dict[str, Operation]:
        """Return what each node computes, by name, as TensorFlow has rewritten the graph."""
        metadata = self._trace()
        shapes = {
            node.node_name: tuple(axis.size for axis in node.output[0].tensor_description.shape.dim)
            for node in self._nodes(metadata)
            if node.output
        }
        graphs = metadata.partition_graphs
        return {node.name: _operation(node, shapes) for graph in graphs for node in graph.node if node.name in shapes}

    def _trace(self) -> Any:
        options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE, output_partition_graphs=True)
        metadata = tf.compat.v1.RunMetadata()
        self._session.run(self._outputs, self._feeds, options=options, run_metadata=metadata)
        return metadata

    @staticmethod
    def _nodes(metadata: Any) -> Iterator[Any]:
        return (node for device in metadata.step_stats.dev_stats for node in device.node_stats)


def _operation(node: Any, shapes: dict[str, Shape]) -> Operation:
    if "Conv" not in node.op:
        return Operation(node.op)
    source, kernel = (shapes[name.partition(":")[0]] for name in node.input[:2])
    rates, fused = node.attr["dilations"].list.i, node.attr["fused_ops"].list.s
    after = "".join(f" + {name.decode()}" for name in fused if name != b"BiasAdd")
    return Operation(node.op, source, kernel, shapes[node.name], rates[1] if rates else 1, after)
