"""The graph that the sessions run: rewritten by TensorFlow once, with its weights apart, in variables.

TensorFlow copies a constant into each form of a graph: Python's, a session's, those of its rewrites and its executor's.
Weights of 164 MB took a gigabyte, and seconds to copy. So TensorFlow rewrites the graph without them: nodes of the same
shapes that are no constants take their place, and variables that of these.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from core.graph.editor import GraphEditor
from core.graph.network import Network, make_placeholder
from core.runtime.session_config import rewritten_session_config, session_config
from core.tensorflow import tf
from core.types import Array, Precision

Tensor: TypeAlias = Any  # TensorFlow has no types

# Constants of fewer numbers stay constants: they cost less memory than a variable takes time.
MIN_NUMBERS = 4096
# The attribute of a node in place of weights, with their name.
WEIGHTS = "_weights"
# The attribute with the type of the output.
TYPE_ATTRIBUTES = {"Empty": "dtype", "Bitcast": "type", "Cast": "DstT"}


@dataclass(frozen=True)
class Program:
    """A graph in TensorFlow's rewritten form, and the weights that it reads from variables.

    `inputs` describes the inputs by the names of their nodes, in order; `outputs` are names of nodes. `weights` has, by
    the names of nodes, arrays of the types of `graph`, and int8 for its quantized types.
    """

    graph: GraphEditor
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Sequence[str]
    weights: Mapping[str, Array]

    def open_session(self, threads: int) -> Callable[..., Any]:
        """Return a function that computes the outputs from the inputs, in a session with `threads` CPU threads."""
        graph_def = self.graph.graph_def(self.outputs)
        with tf.Graph().as_default() as session_graph:
            inputs = {name: tf.compat.v1.placeholder(spec.dtype, spec.shape) for name, spec in self.inputs.items()}
            types = {name: tf.as_dtype(self.graph.nodes[name].attr["dtype"].type) for name in self.weights}
            variables = {name: _Variable(name, types[name], weights) for name, weights in self.weights.items()}
            reads = {name: variable.read() for name, variable in variables.items()}
            read = {node.name for node in graph_def.node}  # a fixed canvas does not read all inputs
            used = {name: tensor for name, tensor in (inputs | reads).items() if name in read}
            names = [f"{name}:0" for name in self.outputs]
            outputs = tf.import_graph_def(graph_def, name="", input_map=used, return_elements=names)
        session = tf.compat.v1.Session(graph=session_graph, config=rewritten_session_config(threads))
        assign = [variable.assign for variable in variables.values()]
        session.run(assign, {variable.value: self.weights[name] for name, variable in variables.items()})
        call: Callable[..., Any] = session.make_callable(outputs, list(inputs.values()))
        return call


class _Variable:
    """The variable `name` of the current graph, for `weights` as `dtype`: `assign` gives it what `value` is fed."""

    def __init__(self, name: str, dtype: tf.DType, weights: Array) -> None:
        self._dtype = dtype
        self._handle = tf.raw_ops.VarHandleOp(dtype=dtype, shape=weights.shape, shared_name=name)
        self.value = tf.compat.v1.placeholder(tf.as_dtype(weights.dtype), weights.shape)
        value = self.value if self.value.dtype == dtype else tf.bitcast(self.value, dtype)
        self.assign = tf.raw_ops.AssignVariableOp(resource=self._handle, value=value)

    def read(self) -> Tensor:
        return tf.raw_ops.ReadVariableOp(resource=self._handle, dtype=self._dtype)


def compile_program(
    network: Network,
    build: Callable[[Network, Sequence[Tensor]], Sequence[Tensor]],
    inputs: Sequence[tf.TensorSpec],
    values: Sequence[Any],
    precision: Precision,
) -> Program:
    """Return the program of `build`, which returns the tensors that a network computes from input tensors.

    `inputs` describes these. The graph runs once with their `values`, and with any weights.
    """
    graph_def, weights = _without_weights(network.graph_def)
    network = replace(network, graph_def=graph_def)
    with tf.Graph().as_default() as graph:
        placeholders = [tf.compat.v1.placeholder(spec.dtype, spec.shape, spec.name) for spec in inputs]
        outputs = [tf.identity(output, f"output{i}") for i, output in enumerate(build(network, placeholders))]
    # TensorFlow caches oneDNN's convolutions in each thread, and would reuse these, whose weights are not constant.
    with ThreadPoolExecutor(1) as thread:
        feeds = dict(zip(placeholders, values, strict=True))
        editor = GraphEditor(thread.submit(_rewrite, graph, outputs, feeds, precision).result())
    # TensorFlow names the ends of such a graph by the tensors that were fed and fetched, and a number.
    found = {name.rpartition("_")[0]: node for name, node in editor.nodes.items()}
    arguments = dict[str, tf.TensorSpec]()
    for spec in inputs:
        argument = editor.add("Placeholder", spec.name, [])
        make_placeholder(argument, spec.dtype)
        if node := found.get(f"_arg_{spec.name}_0"):
            editor.replace(node, argument)
        arguments[argument.name] = spec
    results = [found[f"_retval_{output.op.name}_0"].input[0] for output in outputs]
    weights = _place_weights(editor, weights)
    return Program(editor, arguments, results, weights)


def _rewrite(graph: tf.Graph, outputs: Sequence[Tensor], feeds: Mapping[Tensor, Any], precision: Precision) -> Any:
    """Return the GraphDef in which TensorFlow runs `graph` for `outputs`."""
    metadata = tf.compat.v1.RunMetadata()
    with tf.compat.v1.Session(graph=graph, config=session_config(1, precision)) as session:
        session.run(outputs, feeds, tf.compat.v1.RunOptions(output_partition_graphs=True), metadata)
    [rewritten] = metadata.partition_graphs
    return rewritten


def _without_weights(graph_def: Any) -> tuple[Any, dict[str, Array]]:
    """Return `graph_def` with nodes of the same shape and type in place of its weights, and the weights by name.

    Weights are large constants that nodes read together with values of the image. What only depends on constants is
    left to TensorFlow, which computes it once.
    """
    editor, weights = GraphEditor(graph_def), dict[str, Array]()
    constant = {node.name for node in editor if node.op == "Const"}
    folded = {name for node in editor if node.input and constant.issuperset(node.input) for name in node.input}
    for name in constant - folded:
        node = editor.nodes[name]
        dtype = tf.as_dtype(node.attr["dtype"].type)
        shape = [axis.size for axis in node.attr["value"].tensor.tensor_shape.dim]
        if np.prod(shape) < MIN_NUMBERS or dtype not in (tf.float32, tf.qint8):
            continue
        value = tf.make_ndarray(node.attr["value"].tensor)
        weights[name] = value.view(np.int8) if dtype == tf.qint8 else value
        del editor.nodes[name]
        _add_stand_in(editor, name, dtype, np.array(shape, np.int32))
    return editor.graph_def(), weights


def _add_stand_in(editor: GraphEditor, name: str, dtype: tf.DType, shape: Array) -> None:
    """Add the node `name` of `dtype` and `shape`, int32 [rank], with any values.

    Empty counts as stateful, so that no rewrite takes it for a constant. It has no quantized types.
    """
    source, empty_name, empty_type = editor.add_constant(f"{name}/shape", shape), name, dtype
    if dtype == tf.qint8:
        empty_name, empty_type = f"{name}/bytes", tf.uint8
    node = editor.add("Empty", empty_name, [source], dtype=empty_type)
    del node.attr["T"]  # of all other nodes
    if dtype == tf.qint8:
        node = editor.add("Bitcast", name, [node], T=tf.uint8, type=dtype)
    node.attr[WEIGHTS].s = name.encode()


def _place_weights(editor: GraphEditor, weights: Mapping[str, Array]) -> dict[str, Array]:
    """Turn the nodes in place of `weights`, or their casts, into placeholders; return the weights in their types.

    The convolutions keep weights in their own layout if they are told that these are constant.
    """
    placed = dict[str, Array]()
    for stand_in in editor:
        if WEIGHTS not in stand_in.attr:
            continue
        value = weights[stand_in.attr[WEIGHTS].s.decode()]
        readers = editor.consumers(stand_in)
        for node in {id(place): place for place in (n if n.op == "Cast" else stand_in for n in readers)}.values():
            dtype = tf.as_dtype(node.attr[TYPE_ATTRIBUTES[node.op]].type)
            placed[node.name] = value.astype(dtype.as_numpy_dtype, copy=False) if dtype.is_floating else value
            make_placeholder(node, dtype)
    for node in editor:
        if "is_filter_const" in node.attr and node.input[1] in placed:
            node.attr["is_filter_const"].b = True
    return placed
