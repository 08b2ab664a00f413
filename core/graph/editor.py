"""An editable GraphDef: nodes by name, their inputs and consumers, and constants as arrays."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from core.tensorflow import tf
from core.types import Array

Node: TypeAlias = Any  # TensorFlow's protobuf classes have no types

# A constant of at most this many numbers may be a size or an axis, which shape inference needs.
MAX_SHAPE_NUMBERS = 16

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


class GraphEditor:
    """An editable copy of a GraphDef.

    `consumers` and `replace` regard the first output of a node only. Inference uses no other output of the nodes that
    the passes replace.

    The editor knows no shapes, and operations of two inputs broadcast: the same Add can have a number for each channel,
    one for all, or a map. A pass that moves or merges one checks the shape of its constant, and leaves it where that
    does not tell what is broadcast.
    """

    def __init__(self, graph_def: Any) -> None:
        self.nodes: dict[str, Node] = {}
        self._constants = {node.name for node in graph_def.node if node.op == "Const"}
        for node in graph_def.node:
            if node.op == "Const" and not node.device:
                self.nodes[node.name] = node  # no pass changes a constant, and weights are large
                continue
            copy = tf.compat.v1.NodeDef()
            copy.CopyFrom(node)
            copy.ClearField("device")
            # "name:0" is the same tensor as "name".
            copy.input[:] = [name.removesuffix(":0") for name in node.input]
            self.nodes[node.name] = copy

    def __iter__(self) -> Iterator[Node]:
        """Iterate over a snapshot of the nodes, so that the loop may add nodes."""
        return iter(list(self.nodes.values()))

    def graph_def(self, outputs: Iterable[str] | None = None) -> Any:
        """Return the graph in its current state, or only the nodes that `outputs` depend on."""
        names = self.nodes.keys() if outputs is None else self.ancestors(outputs)
        graph_def = tf.compat.v1.GraphDef()
        graph_def.node.extend(node for name, node in self.nodes.items() if name in names)
        return graph_def

    def inputs(self, node: Node) -> list[Node]:
        """Return the nodes whose outputs `node` reads."""
        return [self.nodes[_node_name(name)] for name in node.input]

    def consumers(self, node: Node) -> list[Node]:
        """Return the nodes that read the first output of `node`."""
        # Constants read nothing, and are two thirds of the nodes.
        others = (other for name, other in self.nodes.items() if name not in self._constants)
        return [other for other in others if node.name in other.input]

    def constant(self, node: Node) -> Array | None:
        """Return the value of `node`, or None if it is not a constant."""
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None

    def constants(self, nodes: Iterable[Node]) -> list[Array] | None:
        """Return the values of `nodes`, or None unless all are constants."""
        values = [self.constant(node) for node in nodes]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None

    def add_constant(self, name: str, value: Array, dtype: Any = None) -> Node:
        """Add and return a constant called `name`, with underscores appended if the name is taken.

        `dtype` is a quantized type of as many bits as the integers of `value`, such as tf.qint8; NumPy has none.
        """
        node = tf.compat.v1.NodeDef(name=self._unique(name), op="Const")
        tensor = tf.make_tensor_proto(value)
        if dtype is not None:
            tensor.tensor_content = value.tobytes()
            tensor.dtype = dtype.as_datatype_enum
        node.attr["dtype"].type = tensor.dtype
        node.attr["value"].tensor.CopyFrom(tensor)
        self._constants.add(node.name)
        self.nodes[node.name] = node
        return node

    def add_float_constant(self, name: str, value: Array) -> Node:
        """Add and return `value` as a float32 constant, named like add_constant() does."""
        return self.add_constant(name, value.astype(np.float32))

    def add(self, op: str, name: str, inputs: Iterable[Node], like: Node | None = None, **attributes: Any) -> Node:
        """Add and return a node called `name`, with underscores appended if the name is taken.

        Its type attribute T is float32, unless `like`, a node whose attributes it copies, or `attributes` set another.
        """
        node = tf.compat.v1.NodeDef(name=self._unique(name), op=op, input=[source.name for source in inputs])
        node.attr["T"].type = tf.float32.as_datatype_enum
        if like is not None:
            for key, value in like.attr.items():
                node.attr[key].CopyFrom(value)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(_attribute(value))
        self._constants.discard(node.name)
        self.nodes[node.name] = node
        return node

    def replace(self, old: Node, new: Node) -> None:
        """Make all consumers of `old` read `new` instead, except `new` itself."""
        for consumer in self.consumers(old):
            if consumer is not new:
                consumer.input[:] = [new.name if name == old.name else name for name in consumer.input]

    def ancestors(self, outputs: Iterable[str]) -> set[str]:
        """Return the names of all nodes that the nodes `outputs` depend on, including `outputs`."""
        visited: set[str] = set()
        pending = list(outputs)
        while pending:
            name = pending.pop()
            if name not in visited:
                visited.add(name)
                pending.extend(map(_node_name, self.nodes[name].input))
        return visited

    def descendants(self, names: Iterable[str]) -> set[str]:
        """Return the names of all nodes that depend on the nodes `names`, including these."""
        inputs = {node.name: {_node_name(name) for name in node.input} for node in self}
        found, added = set[str](), set(names)
        while added:
            found |= added
            added = {name for name, read in inputs.items() if name not in found and not read.isdisjoint(found)}
        return found

    def prune(self, outputs: Iterable[str]) -> None:
        """Remove the nodes that `outputs` do not depend on."""
        kept = self.ancestors(outputs)
        self.nodes = {name: node for name, node in self.nodes.items() if name in kept}

    def _unique(self, name: str) -> str:
        while name in self.nodes:
            name += "_"
        return name


def without_weights(graph_def: Any) -> Any:
    """Return a copy of `graph_def` with placeholders instead of its large constants.

    It suffices for shape inference and is much smaller.
    """
    small = tf.compat.v1.GraphDef()
    for node in graph_def.node:
        if node.op == "Const" and _size(node.attr["value"].tensor) > MAX_SHAPE_NUMBERS:
            weights = small.node.add(name=node.name, op="Placeholder")
            weights.attr["dtype"].CopyFrom(node.attr["dtype"])
            weights.attr["shape"].shape.CopyFrom(node.attr["value"].tensor.tensor_shape)
        else:
            small.node.add().CopyFrom(node)
    return small


def channel_vector(value: Array | None) -> Array | None:
    """Return `value`, if it is float32 and has one number per channel (the last axis), as [channels]; else None."""
    if value is None or value.dtype != np.float32 or value.size != max(value.shape, default=1):
        return None
    return value.reshape(-1) if value.ndim and value.shape[-1] == value.size else None


def _node_name(input_name: str) -> str:
    """Return the node of an input: "^name" is a control input, "name:1" the second output of `name`."""
    return input_name.removeprefix("^").partition(":")[0]


def _size(tensor: Any) -> int:
    """Return how many numbers the TensorProto `tensor` holds."""
    return int(np.prod([axis.size for axis in tensor.tensor_shape.dim]))


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
        case [str(), *_]:
            attribute.list.s.extend(text.encode() for text in value)
        case [tf.DType(), *_]:
            attribute.list.type.extend(dtype.as_datatype_enum for dtype in value)
        case [*numbers]:
            attribute.list.i.extend(numbers)
        case _:
            raise TypeError(f"no attribute type for {value!r}: expected bool, int, str, tf.DType or a list of these")
    return attribute
