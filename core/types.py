"""Types shared across the package."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import InvalidRequest

Array: TypeAlias = npt.NDArray[Any]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Canvas = Literal["fit", "fixed"]
Precision = Literal["float32", "bfloat16", "int8"]
Size = Literal["model", "original"]
Alpha = Literal["soft", "hard"]
Edges = Literal["model", "photo"]
Shapes = Literal["rle", "polygons"]
Look = Literal["once", "twice"]
LogFormat = Literal["text", "json"]
Stage = Literal["queue", "decode", "inference", "encode"]
# Why a decoder process that decodes images was replaced.
DecoderLoss = Literal["crash", "cpu", "timeout", "answer"]


class Observer:
    """Is told how requests fare. This one discards it, for callers that collect no metrics."""

    def observe(self, stage: Stage, seconds: float) -> None:
        """Take the duration of one `stage` of one request."""

    def count_loss(self, cause: DecoderLoss) -> None:
        """Take the cause of the loss of a decoder process."""


NO_OBSERVER = Observer()


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
class Options:
    """How an image is segmented.

    The label map has the `size` of the resized image ("model") or of the upright photo ("original"). With `edges`
    "photo", the default at the original size, the labels follow the edges of the photo. Only the class ids `classes`
    are kept, if there are any, and of these the ones whose score is at least `min_score`, 0 to 1, and of these the
    connected regions that cover at least `min_area`, 0 to 1, of the picture; the rest becomes background. With
    `pieces`, each connected region is an object of its own. With the `look` "twice", the model looks again at small
    objects. With a `mimetype`, the result must be such a file: a photo that is too long for it is rejected before the
    inference. A `background`, the bytes of an image file or its pixels, uint8 [height, width, 3], is behind a cut-out,
    in place of the background that its encoder has.
    """

    size: Size = "model"
    edges: Edges | None = None
    classes: Collection[int] = ()
    min_score: float = 0.0
    min_area: float = 0.0
    pieces: bool = False
    look: Look = "once"
    mimetype: str = ""
    background: bytes | UInt8Array | None = field(default=None, repr=False)


# The message to a request that needs the logits of a graph without them.
HIDDEN_LOGITS = (
    "this model's graph hides its logits, which edges=photo, look=twice, min_score, output=confidence and "
    "mask_threshold need; leave these out"
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The output of an engine for one image.

    `seg_map` holds the class ids, uint8 [height, width]. `logits`, float32 [rows, columns, classes], are the network's
    outputs at every `stride`-th pixel; None if the graph does not expose them.
    """

    seg_map: UInt8Array
    logits: Array | None
    stride: int

    @property
    def needed_logits(self) -> Array:
        """The logits, for results that need them. Raises InvalidRequest if the graph hides them."""
        if self.logits is None:
            raise InvalidRequest(HIDDEN_LOGITS)
        return self.logits
