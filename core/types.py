"""Types that several rooms share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Canvas = Literal["fit", "fixed"]
Precision = Literal["float32", "bfloat16"]
LogFormat = Literal["text", "json"]
Stage = Literal["queue", "decode", "inference", "encode"]
# Is told the seconds that a stage of one request took.
Observe: TypeAlias = Callable[[Stage, float], None]


def ignore(stage: Stage, seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a graph is run.

    `threads` is how many CPU threads work on one image. `canvas` is what is computed: "fixed", the square that the
    graph was exported for, with the image in its corner, as the graph does by itself; or "fit", the image alone.
    `precision` is that of the convolutions.
    """

    threads: int
    canvas: Canvas = "fit"
    precision: Precision = "float32"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an engine says of an image: its labels, uint8 [height, width], and the logits that they were made of.

    `logits`, float32 [rows, columns, classes], belong to pixels `stride` apart; None of a graph that hides them.
    """

    seg_map: UInt8Array
    logits: Array | None
    stride: int
