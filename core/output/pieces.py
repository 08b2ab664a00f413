"""Pieces: the connected regions of the classes, each an object of its own. Objects that touch are one piece."""

import numpy as np

from core.errors import InvalidRequest
from core.output.confidence import SCORE_DECIMALS, probabilities
from core.output.regions import Regions, paint, regions
from core.output.specks import seen
from core.output.tiles import PIXELS, pieces
from core.types import Array, Prediction, UInt8Array

# Each piece takes half a millisecond beside its pixels; a photo has some dozens. A mask for each takes that of a photo.
MAX_PIECES, MAX_MASKS = 1000, 100


class Pieces:
    """The pieces in `seg_map`, uint8 [height, width], numbered from 1 in the order of their first pixels.

    `numbers`, uint16 [height, width], is the number of the piece of each pixel, 0 at background. `classes` are the
    class ids by number; that of 0 is 0. Raises InvalidRequest if there are more than `most`.
    """

    def __init__(self, seg_map: UInt8Array, most: int = MAX_PIECES) -> None:
        self._regions = regions(seg_map)
        is_piece = self._regions.classes != 0
        count = int(np.count_nonzero(is_piece))
        if count > most:
            raise InvalidRequest(
                f"pieces: this photo has {count:,} of them; at most {most:,} are allowed; leave small ones out with "
                f"min_area={1 / most:g}, or ask for classes alone"
            )
        self._number = np.where(is_piece, np.cumsum(is_piece), 0).astype(np.uint16)
        self.classes = np.concatenate([np.zeros(1, np.uint8), self._regions.classes[is_piece]])
        self.numbers = self._numbers()

    def _numbers(self) -> Array:
        numbers = np.empty(self._regions.shape, np.uint16)
        flat = numbers.reshape(-1)
        for part in pieces(0, flat.size, PIXELS):
            region, lengths = self._regions.within(part)
            flat[part] = np.repeat(self._number[region], lengths)
        return numbers

    def scores(self, prediction: Prediction) -> dict[int, float]:
        """Return the score of each piece, by number; see core.output.confidence.scores().

        A piece without a logit at which its class is the best one has the probability of its class at the logit next to
        its first pixel.
        """
        logits = prediction.needed_logits
        size = prediction.seg_map.shape
        likely = probabilities(logits).reshape(-1, logits.shape[2])
        counts, places, inside = seen(self._regions, prediction, (size[0], size[1]))
        sums = np.bincount(inside, likely[places, self._regions.classes[inside]], len(counts))
        first = _nearest_logits(self._regions, prediction)
        alone = likely[first, self._regions.classes]
        means = np.where(counts, sums / np.maximum(counts, 1), alone)
        return {
            int(number): round(float(mean), SCORE_DECIMALS)
            for number, mean in zip(self._number, means, strict=True)
            if number
        }


def _nearest_logits(found: Regions, prediction: Prediction) -> Array:
    """Return the index of the logit next to the first pixel of each of the regions `found`, row after row."""
    logits = prediction.needed_logits
    places = np.divmod(found.starts[found.first], found.shape[1])
    row, column = (
        np.minimum(np.rint((place + 0.5) * side / target / prediction.stride).astype(np.intp), count - 1)
        for place, side, target, count in zip(places, prediction.seg_map.shape, found.shape, logits.shape, strict=False)
    )
    nearest: Array = row * logits.shape[1] + column
    return nearest


def without_small(seg_map: UInt8Array, min_area: float) -> UInt8Array:
    """Return `seg_map`, uint8 [height, width], with background in place of pieces smaller than `min_area` of it."""
    found = regions(seg_map)
    is_kept = found.pixels >= min_area * seg_map.size
    if is_kept[found.classes != 0].all():
        return seg_map
    kept = seg_map.copy()
    paint(kept, found, np.where(is_kept, found.classes, 0).astype(np.uint8))
    return kept
