"""Every output stops at its next checkpoint when nobody waits for it, and has a checkpoint every so many pixels."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

from core.checkpoint import checked
from core.image.resize import fitted
from core.labels import LABELS
from core.output import encode
from core.output.class_masks import encode_class_masks
from core.output.encode import JPEG, Encoder
from core.output.segmentation import Segmentation, enlarged
from core.outputs import OUTPUTS
from core.parameters import encoder
from core.types import Edges, Prediction, UInt8Array

# Width and height of a photo, and of pictures of several blocks.
SIZES = {"photo": (1536, 1152), "row": (884_736, 2), "column": (2, 884_736)}
# The most pixels between two checkpoints, each of which takes some nanoseconds.
MOST_PIXELS = 1 << 19

ENCODERS: dict[str, Encoder] = {output: encoder(output) for output in OUTPUTS} | {
    "polygons": encoder("objects", {"shapes": "polygons"}),
    "pieces": lambda segmentation: encoder("objects")(replace(segmentation, pieces=True)),
    "overlay, JPEG": encoder("overlay", {}, JPEG),
    "cutout, hard": encoder("cutout", {"alpha": "hard"}),
    "cutout, blur, cropped": encoder("cutout", {"background": "blur", "crop": True}),
    "cutout on a picture": lambda segmentation: encoder("cutout")(
        replace(segmentation, background=np.zeros((1200, 800, 3), np.uint8))
    ),
    "masks": partial(encode_class_masks, threshold=0.5),
}


class Stopped(Exception):
    """Nobody waits any more."""


class Checks:
    """Counts its calls, and raises Stopped at call number `last`."""

    def __init__(self, last: float = math.inf) -> None:
        self.calls, self._last = 0, last

    def __call__(self) -> None:
        self.calls += 1
        if self.calls >= self._last:
            raise Stopped


@cache
def noisy(size: tuple[int, int]) -> tuple[Prediction, UInt8Array, UInt8Array]:
    """Return a prediction of two classes, the image for it, and the photo, of `size`, all of them noise."""
    random = np.random.default_rng(3)
    width, height = fitted(size, 256)
    logits = np.full((-(-height // 8) + 1, -(-width // 8) + 1, len(LABELS)), -9, np.float32)
    logits[..., (0, 15)] = random.normal(0, 3, (*logits.shape[:2], 2))
    prediction = Prediction(np.zeros((height, width), np.uint8), logits, 8)
    image, photo = (random.integers(0, 256, (*shape, 3), np.uint8) for shape in ((height, width), size[::-1]))
    return prediction, image, photo


@cache
def segmentation(size: tuple[int, int]) -> Segmentation:
    """Return the segmentation of the photo of noisy() into rectangles."""
    prediction, _, photo = noisy(size)
    labels = np.add.outer(np.arange(size[1]) // 150, np.arange(size[0]) // 210) % 3 * 8
    return Segmentation(labels.astype(np.uint8), photo, LABELS, prediction)


def calls_of(work: Callable[[], object], last: float = math.inf) -> int:
    """Return the number of checkpoints that `work` calls. Raises Stopped at number `last`."""
    checks = Checks(last)
    with checked(checks):
        work()
    return checks.calls


def works(name: str, size: tuple[int, int]) -> Callable[[], object]:
    """Return the function `name`: an encoder, or the labels with edges."""
    if name in ENCODERS:
        return partial(ENCODERS[name], segmentation(size))
    edges: Edges = "photo" if name == "edges=photo" else "model"
    return partial(enlarged, *noisy(size), edges)


NAMES = ["edges=model", "edges=photo", *ENCODERS]
# Outputs that long pictures do not have: a JPEG has shorter sides, all of their pixels are points of an outline, and
# they have too many pieces.
OF_PHOTOS = ("overlay, JPEG", "polygons", "svg", "pieces")
# The encoder of a map is one call that can't be stopped, as core.output.encode says.
STOPPED = [name for name in NAMES if name != "map"]


@pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name in STOPPED for size in SIZES if size == "photo" or name not in OF_PHOTOS]
)
def test_output_has_a_checkpoint_every_so_many_pixels(name: str, size: str) -> None:
    width, height = SIZES[size]
    assert calls_of(works(name, SIZES[size])) >= width * height / MOST_PIXELS


@pytest.mark.parametrize("output", [output for output in OUTPUTS if output not in ("map", "mask")])
def test_computation_of_output_has_checkpoints_beside_those_of_its_file(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "checkpoint", lambda: None)
    width, height = SIZES["photo"]
    assert calls_of(works(output, SIZES["photo"])) >= width * height / MOST_PIXELS, "use core.output.tiles"


@pytest.mark.parametrize("name", NAMES)
def test_output_stops_at_any_checkpoint(name: str) -> None:
    work = works(name, (300, 200))
    calls = calls_of(work)
    for last in {1, calls // 4, calls // 2, 3 * calls // 4, calls} - {0}:
        with pytest.raises(Stopped):
            calls_of(work, last)


@pytest.mark.parametrize("name", ["overlay", "overlay, JPEG", "cutout", "masks"])
def test_encoder_of_a_picture_stops_before_its_end(name: str) -> None:
    work = works(name, SIZES["photo"])
    with pytest.raises(Stopped):
        calls_of(work, calls_of(work))
