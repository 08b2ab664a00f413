"""The properties that two runs must share for the second to resume the first."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from config import Settings
from core.errors import SegmenterError
from core.labels import LABELS
from core.types import Options, UInt8Array
from core.weights.registry import Weights
from segmenter import precision_of


def identity(
    output: str, options: Options, details: Mapping[str, Any], settings: Settings, weights: Weights
) -> dict[str, str]:
    """Return all that results depend on but the photos: the options of results, the graph and its settings.

    `details` are the parameters of `output` alone that differ from their defaults. MODEL_LABELS has the names of the
    classes, not their file, which can change; none if they are PASCAL VOC's.
    """
    return {
        "--output": output,
        "--size": options.size,
        "--edges": options.edges or "",
        "--classes": ",".join(map(str, options.classes)),
        "--min-score": str(options.min_score),
        "--min-area": str(options.min_area),
        "--pieces": str(options.pieces),
        "--look": options.look,
        "the picture of --background": _picture(options.background),
        "the options of --output": ", ".join(f"--{name} {value}" for name, value in sorted(details.items())),
        "the graph's sha256": weights.sha256,
        "MODEL_LABELS": "" if weights.labels == LABELS else ", ".join(weights.labels),
        "IMAGE_SIZE": str(settings.image_size),
        "CANVAS": settings.canvas,
        "PRECISION": precision_of(settings),
    }


def _picture(background: bytes | UInt8Array | None) -> str:
    """Return the shape and the SHA-256 of the pixels `background`."""
    if background is None:
        return ""
    pixels = np.asarray(background)
    return f"{pixels.shape}, {hashlib.sha256(pixels.data).hexdigest()}"


def check_identity(before: Mapping[str, str], now: Mapping[str, str], folder: str) -> None:
    """Raise SegmenterError if `before`, the identity of the results in `folder`, differs from `now`."""
    for name, value in now.items():
        if before.get(name, "") != value:
            raise SegmenterError(
                f"{folder} was made with {name}={before.get(name, '')!r}, not {value!r}; use the same value, or "
                "another folder"
            )
