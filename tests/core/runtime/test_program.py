"""The program of the sessions: TensorFlow's rewritten graph, with its weights in variables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from core.graph.editor import GraphEditor
from core.graph.frozen_graph import read_graph
from core.graph.network import Network
from core.graph.optimize import optimize
from core.runtime.cpu import computes_bfloat16
from core.runtime.program import MIN_NUMBERS, Program, compile_program
from core.tensorflow import tf
from core.types import Precision
from core.weights.registry import MOBILE

CANVAS = np.random.default_rng(0).uniform(-1, 1, (1, 65, 65, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Network:
    """Return the optimized mobile network."""
    return optimize(read_graph(MOBILE))


def features(network: Network, inputs: Sequence[Any]) -> Sequence[Any]:
    return network.features_of(inputs[0])


def program_of(network: Network, precision: Precision = "float32") -> Program:
    canvas = tf.TensorSpec([1, None, None, 3], tf.float32, "canvas")
    return compile_program(network, features, [canvas], [CANVAS[:, :9, :9]], precision)


def test_program_computes_what_its_network_computes(network: Network) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        [expected] = session.run(network.features_of(tf.constant(CANVAS)))
    for threads in (1, 2):
        [found] = program_of(network).open_session(threads)(CANVAS)
        assert np.allclose(found, expected, rtol=0, atol=1e-4)


def test_program_has_no_weights_in_its_graph_and_tells_its_kernels_that_they_are_constant(network: Network) -> None:
    program = program_of(network)
    graph_def = program.graph.graph_def(program.outputs)
    in_weights = sum(weights.nbytes for weights in program.weights.values())
    assert in_weights > 0.8 * network.graph_def.ByteSize() / 2  # the head is not part of it
    assert graph_def.ByteSize() < 0.1 * network.graph_def.ByteSize()
    assert "Empty" not in {node.op for node in graph_def.node}
    constant = [node.attr["is_filter_const"].b for node in graph_def.node if "is_filter_const" in node.attr]
    assert len(constant) > 40
    assert all(constant)


@pytest.mark.skipif(not computes_bfloat16(), reason="this CPU does not compute bfloat16")
def test_program_of_bfloat16_has_weights_of_half_the_size(network: Network) -> None:
    whole, half = (
        sum(weights.nbytes for weights in program_of(network, precision).weights.values())
        for precision in ("float32", "bfloat16")
    )
    assert half == whole / 2


def test_weights_that_are_read_with_constants_alone_stay_constant(network: Network) -> None:
    editor = GraphEditor(network.graph_def)
    kernel = max((node for node in editor if node.op == "Const"), key=lambda node: node.ByteSize())
    assert editor.constant(kernel).size >= MIN_NUMBERS  # type: ignore[union-attr]
    two = editor.add_constant("two", np.array(2, np.float32))
    scaled = editor.add("Mul", "scaled", [kernel, two])
    editor.replace(kernel, scaled)
    program = program_of(Network(**vars(network) | {"graph_def": editor.graph_def()}))
    assert kernel.name not in program.weights
