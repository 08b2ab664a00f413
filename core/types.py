"""Types that several rooms share."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Canvas = Literal["fit", "fixed"]
Precision = Literal["float32", "bfloat16"]


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
