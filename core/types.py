"""Types shared across the package."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Canvas = Literal["fit", "fixed"]
Precision = Literal["float32", "bfloat16"]
Size = Literal["model", "original"]
LogFormat = Literal["text", "json"]
Stage = Literal["queue", "decode", "inference", "encode"]
# Why a helper process that decodes images was replaced.
HelperLoss = Literal["crash", "cpu", "timeout"]
# Receives the duration, in seconds, of one stage of one request.
Observe: TypeAlias = Callable[[Stage, float], None]


def ignore(stage: Stage, seconds: float) -> None:
    """Discard a duration: an Observe for callers that collect no metrics."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of an engine.

    `threads` is the number of CPU threads that compute one image. `canvas` is the area that the network computes:
    "fixed" is the square that the graph was exported for, with the image in its top left corner; "fit" is the image
    alone. `precision` is the number format of the convolutions.
    """

    threads: int
    canvas: Canvas = "fit"
    precision: Precision = "float32"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The output of an engine for one image.

    `seg_map` holds the class ids, uint8 [height, width]. `logits`, float32 [rows, columns, classes], are the network's
    outputs at every `stride`-th pixel; None if the graph does not expose them.
    """

    seg_map: UInt8Array
    logits: Array | None
    stride: int
