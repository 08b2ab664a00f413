"""Write a graph of a few classes of the mobile graph, and their names, to try or develop a service of a custom graph.

    python -m assets.small_graph pets.pb background cat dog

This writes pets.pb and pets.txt. The last convolution of the mobile graph has one output for each class; the new graph
keeps those of the classes, in their order. It needs no training data and no network.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import InvalidRequest
from core.labels import LABELS, class_ids
from core.tensorflow import tf
from core.weights.registry import MOBILE

# Part of the names of the constants of the last convolution: its kernel and its bias.
LAST = "logits/semantic"
USAGE = "usage: python -m assets.small_graph GRAPH.pb background CLASS [CLASS ...]"


def small_graph(classes: Sequence[int]) -> tf.compat.v1.GraphDef:
    """Return the mobile graph with the `classes` alone, ids of LABELS; their new ids are their positions."""
    graph_def = tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes())
    for node in graph_def.node:
        if node.op == "Const" and LAST in node.name:
            value = tf.make_ndarray(node.attr["value"].tensor)[..., list(classes)]
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return graph_def


def main(target: str, *names: str) -> None:
    """Write the graph of the classes `names` to `target`, and the names beside it with the suffix .txt."""
    try:
        classes = [min(class_ids([name], LABELS)) for name in names]
    except InvalidRequest as error:
        raise SystemExit(f"error: {error}") from None
    if len(set(classes)) != len(names) or classes[0] != 0:
        raise SystemExit(f"error: {', '.join(names)} can't be used; give each class once, background first")
    graph = Path(target)
    labels = graph.with_suffix(".txt")
    graph.write_bytes(small_graph(classes).SerializeToString(deterministic=True))
    labels.write_text("".join(f"{name}\n" for name in names))
    print(f"MODEL_PATH={graph} MODEL_LABELS={labels} make run")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(USAGE)
    main(*sys.argv[1:])
