"""A GraphDef that can be edited: nodes by name, their consumers, and constants as arrays."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from core.tensorflow import tf
from core.types import Array

Node: TypeAlias = Any  # tensorflow's protobuf classes have no types

# Numbers in a constant that may be a size or an axis, which shapes depend on.
SMALL = 16

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


class GraphEditor:
    """An editable copy of `graph_def`. What is replaced is a node's first output, the only one of those that matter."""

    def __init__(self, graph_def: Any) -> None:
        self.nodes: dict[str, Node] = {}
        for node in graph_def.node:
            copy = tf.compat.v1.NodeDef()
            copy.CopyFrom(node)
            copy.ClearField("device")
            # "name:0" is the same tensor as "name".
            copy.input[:] = [name.removesuffix(":0") for name in node.input]
            self.nodes[node.name] = copy

    def __iter__(self) -> Iterator[Node]:
        """Iterate over the nodes there are now; they may be edited meanwhile."""
        return iter(list(self.nodes.values()))

    def graph_def(self, outputs: Iterable[str] | None = None) -> Any:
        """Return the graph as it is now, or the part of it that `outputs` depend on."""
        names = self.nodes.keys() if outputs is None else self.ancestors(outputs)
        graph_def = tf.compat.v1.GraphDef()
        graph_def.node.extend(node for name, node in self.nodes.items() if name in names)
        return graph_def

    def inputs(self, node: Node) -> list[Node]:
        """Return the nodes that `node` reads."""
        return [self.nodes[_node_name(name)] for name in node.input]

    def consumers(self, node: Node) -> list[Node]:
        """Return the nodes that read `node`."""
        return [other for other in self.nodes.values() if node.name in other.input]

    def constant(self, node: Node) -> Array | None:
        """Return the value of `node` if it is a constant, or None."""
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None

    def constants(self, nodes: Iterable[Node]) -> list[Array] | None:
        """Return the values of `nodes` if all are constants, or None."""
        values = [self.constant(node) for node in nodes]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None

    def add_constant(self, name: str, value: Array) -> Node:
        """Add and return a constant named after `name`."""
        node = tf.compat.v1.NodeDef(name=self._unused(name), op="Const")
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        self.nodes[node.name] = node
        return node

    def add(self, op: str, name: str, inputs: Iterable[Node], like: Node | None = None, **attributes: Any) -> Node:
        """Add and return a float node named after `name`, with the attributes of `like` and `attributes` over them."""
        node = tf.compat.v1.NodeDef(name=self._unused(name), op=op, input=[input_.name for input_ in inputs])
        node.attr["T"].type = tf.float32.as_datatype_enum
        if like is not None:
            for key, value in like.attr.items():
                node.attr[key].CopyFrom(value)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(_attribute(value))
        self.nodes[node.name] = node
        return node

    def replace(self, old: Node, new: Node) -> None:
        """Make whoever reads `old` read `new`, except `new` itself."""
        for consumer in self.consumers(old):
            if consumer is not new:
                consumer.input[:] = [new.name if name == old.name else name for name in consumer.input]

    def ancestors(self, outputs: Iterable[str]) -> set[str]:
        """Return the names of all nodes that `outputs` depend on, themselves included."""
        found: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(map(_node_name, self.nodes[name].input))
        return found

    def prune(self, outputs: Iterable[str]) -> None:
        """Drop every node that `outputs` do not depend on."""
        kept = self.ancestors(outputs)
        self.nodes = {name: node for name, node in self.nodes.items() if name in kept}

    def _unused(self, name: str) -> str:
        while name in self.nodes:
            name += "_"
        return name


def without_weights(graph_def: Any) -> Any:
    """Return `graph_def` with inputs in the place of large constants: enough to infer shapes, and much less to copy."""
    hollow = tf.compat.v1.GraphDef()
    for node in graph_def.node:
        if node.op == "Const" and np.prod([side.size for side in node.attr["value"].tensor.tensor_shape.dim]) > SMALL:
            weights = hollow.node.add(name=node.name, op="Placeholder")
            weights.attr["dtype"].CopyFrom(node.attr["dtype"])
            weights.attr["shape"].shape.CopyFrom(node.attr["value"].tensor.tensor_shape)
        else:
            hollow.node.add().CopyFrom(node)
    return hollow


def _node_name(input_name: str) -> str:
    """Return the node of an input: "^name" is a control input, "name:1" another output than the first."""
    return input_name.removeprefix("^").partition(":")[0]


def _attribute(value: Any) -> Any:
    attribute = tf.compat.v1.AttrValue()
    match value:
        case bool():
            attribute.b = value
        case int():
            attribute.i = value
        case str():
            attribute.s = value.encode()
        case tf.DType():
            attribute.type = value.as_datatype_enum
        case [*numbers]:
            attribute.list.i.extend(numbers)
        case _:
            raise TypeError(f"no attribute for {value!r}")
    return attribute


def float_constant(graph: GraphEditor, name: str, value: Array) -> Node:
    """Add and return a float32 constant named after `name`."""
    return graph.add_constant(name, value.astype(np.float32))


def vector(value: Array | None) -> Array | None:
    """Return `value` as one number per channel, [channels], or None where it isn't that."""
    if value is None or value.dtype != np.float32 or value.size != max(value.shape, default=1):
        return None
    return value.reshape(-1) if value.ndim and value.shape[-1] == value.size else None
