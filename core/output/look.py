"""A second look at small objects, with more of the photo's pixels than the first one had."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from core.checkpoint import checkpoint
from core.output.regions import regions
from core.output.resample import reduced
from core.output.upsample import interpolated, upsampled_labels
from core.types import Prediction, UInt8Array

# Objects are small that cover less than this share of the photo, and are no specks, in pixels of the model's image.
SMALL, SPECK = 0.1, 16
# What is seen around an object: a share of its long side, and pixels of the model's image at least.
MARGIN, MIN_MARGIN = 0.5, 16
# The long side of a part that is looked at again, as a share of the photo's: a larger one would hardly be seen better.
LARGEST = 0.8
# The most parts of a photo. Each takes the time of a square photo at most.
MOST_PARTS = 3
# The logits of both looks are joined on a grid that is finer by these factors, at least and at most: interpolated on a
# grid that is hardly finer, they would lose their peaks.
MIN_ZOOM, MAX_ZOOM = 2.0, 4.0

Box = tuple[int, int, int, int]  # top, left, bottom, right


def look_again(
    prediction: Prediction, image: UInt8Array, photo: UInt8Array, predict: Callable[[UInt8Array], Prediction]
) -> tuple[Prediction, UInt8Array]:
    """Return `prediction` with the means of its logits and of those of a second look, and the image that it is of.

    `image`, uint8 [height, width, 3], is `photo` as the model saw it. `predict` is the model: it sees the parts of the
    photo around small objects. Without any, or with a photo that is no larger, both are returned as they are.
    """
    side, zoom = max(image.shape[:2]), max(photo.shape[:2]) / max(image.shape[:2])
    boxes = _parts(prediction.seg_map) if zoom > 1 else []
    if not boxes:
        return prediction, image
    needed = max(side / max(box[2] - box[0], box[3] - box[1]) for box in boxes)
    zoom = min(zoom, MAX_ZOOM, max(MIN_ZOOM, needed))
    whole = reduced(photo, round(side * zoom))
    size, stride = (whole.shape[0], whole.shape[1]), prediction.stride
    logits = interpolated(prediction.needed_logits, stride, image.shape[:2], size, step=stride)
    for box in boxes:
        checkpoint()
        # On the grid of the logits.
        rows, columns = (
            slice(
                int(box[axis] * size[axis] / image.shape[axis]) // stride * stride,
                min(-(-int(box[axis + 2] * size[axis] / image.shape[axis]) // stride) * stride, size[axis]),
            )
            for axis in (0, 1)
        )
        part = _resized(
            photo[_scaled(rows, photo.shape[0] / size[0]), _scaled(columns, photo.shape[1] / size[1])], side
        )
        target = rows.stop - rows.start, columns.stop - columns.start
        second = interpolated(predict(part).needed_logits, stride, part.shape[:2], target, step=stride)
        place = logits[rows.start // stride :, columns.start // stride :][: second.shape[0], : second.shape[1]]
        place += second
        place /= 2
    return Prediction(upsampled_labels(logits, stride, size, size), logits, stride), whole


def _parts(seg_map: UInt8Array) -> list[Box]:
    """Return the boxes around the small objects in `seg_map`, uint8 [height, width], with their margins."""
    found = regions(seg_map)
    height, width = found.shape
    row, left = np.divmod(found.starts, width)
    boxes = np.array([[height], [width], [0], [0]]).repeat(len(found.first), axis=1)
    for edges, ufunc, values in zip(
        boxes, (np.minimum, np.minimum, np.maximum, np.maximum), (row, left, row + 1, left + found.lengths), strict=True
    ):
        ufunc.at(edges, found.region, values)
    pixels = found.pixels
    is_small = (found.classes != 0) & (pixels >= SPECK) & (pixels < SMALL * seg_map.size)
    wide = [_widened(box, height, width) for box in boxes[:, is_small].T.tolist()]
    parts = [box for box in _joined(wide) if max(box[2] - box[0], box[3] - box[1]) <= LARGEST * max(height, width)]
    return sorted(parts, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))[:MOST_PARTS]


def _widened(box: Box, height: int, width: int) -> Box:
    top, left, bottom, right = box
    margin = max(MIN_MARGIN, round(MARGIN * max(bottom - top, right - left)))
    return max(0, top - margin), max(0, left - margin), min(height, bottom + margin), min(width, right + margin)


def _joined(boxes: list[Box]) -> list[Box]:
    """Return `boxes` with those that overlap replaced by the box around them."""
    joined: list[Box] = []
    for box in boxes:
        while other := next((one for one in joined if _overlap(one, box)), None):
            joined.remove(other)
            box = (*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:]))  # type: ignore[assignment]  # noqa: PLW2901
        joined.append(box)
    return joined


def _overlap(one: Box, other: Box) -> bool:
    return all(max(one[axis], other[axis]) < min(one[axis + 2], other[axis + 2]) for axis in (0, 1))


def _scaled(part: slice, scale: float) -> slice:
    return slice(round(part.start * scale), max(round(part.start * scale) + 1, round(part.stop * scale)))


def _resized(part: UInt8Array, side: int) -> UInt8Array:
    """Return `part`, uint8 [height, width, 3], with a long side of at most `side` pixels."""
    scale = min(1.0, side / max(part.shape[:2]))
    width, height = (max(1, int(length * scale)) for length in part.shape[1::-1])
    return np.asarray(Image.fromarray(part).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0))
