"""The passes of the graph compiler, in the order in which they run.

Each pass finds one pattern of nodes and replaces it by an equivalent one. Results are equal up to float32 rounding:
the order of additions and multiplications changes. TensorFlow's remapper then fuses the nodes that the passes line up:
a convolution with its bias, its residual and its activation becomes one kernel.
"""

from collections.abc import Callable

from core.graph.editor import GraphEditor
from core.graph.passes.dynamic_size import absorb_pads, dilate, move_batch_to_space_down, resize_to_skip_features
from core.graph.passes.folding import (
    add_biases,
    drop_identities,
    drop_repeated_relus,
    fold_scales,
    keep_shared_sums,
    regroup_additions,
    unfold_batch_norms,
)
from core.graph.passes.pointwise import compose_pointwise, move_biases_on, split_image_pooling

PASSES: tuple[Callable[[GraphEditor], None], ...] = (
    drop_identities,
    drop_repeated_relus,
    dilate,
    absorb_pads,
    unfold_batch_norms,
    move_batch_to_space_down,
    fold_scales,
    regroup_additions,
    add_biases,
    split_image_pooling,
    compose_pointwise,
    move_biases_on,
    keep_shared_sums,
    resize_to_skip_features,
)
