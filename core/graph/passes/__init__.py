"""The passes of the graph compiler, in the order in which they run.

Each pass finds one pattern of nodes and replaces it by an equivalent one; its docstring shows pattern -> replacement.
Results are equal up to float32 rounding, since the order of additions and multiplications changes. The passes arrange
nodes so that TensorFlow's remapper fuses a convolution with its bias, its residual and its activation into one kernel.
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
from core.graph.passes.pointwise import compose_pointwise, merge_separable_biases, split_image_pooling

PASSES: tuple[Callable[[GraphEditor], None], ...] = (
    drop_identities,  # first: the other passes look for constants without an Identity in between
    drop_repeated_relus,
    dilate,
    absorb_pads,
    unfold_batch_norms,
    move_batch_to_space_down,  # brings the scales and offsets of unfold_batch_norms next to their convolution
    fold_scales,
    regroup_additions,
    add_biases,
    split_image_pooling,  # from here on, the patterns contain the BiasAdd that add_biases makes
    compose_pointwise,
    merge_separable_biases,
    keep_shared_sums,
    resize_to_skip_features,
)
