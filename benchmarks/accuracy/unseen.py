"""Scores edges=model and edges=photo on photos of your own, which the weights have never seen.

FOLDER has photos/ and masks/, files of the same name but for the ending. A mask has a class id for each pixel, as
output=mask has, and 255 where nothing is scored. With --class NAME it is grey, or has an alpha channel, as a cut-out
has: values from 128 on are that class, the only one that counts then. It has the size of the upright photo.

Prints in percent, with the 95 % interval of a bootstrap by photo: the mean intersection over union of the classes in
the masks, over all pixels; its mean over the photos; and the share of right pixels at most 4 pixels from an edge in the
mask. The last row is the gain by edges=photo. The settings are the service's, from the environment.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks.accuracy.judge import BAND, accuracy, confusion, gain, interval, mean_iou, near_edges
from benchmarks.options import argument_parser
from config import Settings
from core.evaluation import VOID
from core.image.decode import read_image
from core.image.resize import resized
from core.labels import class_ids
from core.model import ModelWrapper
from core.output.segmentation import enlarged
from core.types import Array, Edges, UInt8Array
from segmenter import create_model

OPAQUE = 128
EDGES: tuple[Edges, ...] = get_args(Edges)
# The pixels that are scored.
PARTS = WHOLE, NEAR = "all pixels", "near edges"
# The confusion matrix of each photo, by edges and part.
Judged = dict[tuple[Edges, str], list[Array]]


def read_pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each photo in `folder` with its mask. Raises FileNotFoundError if one is missing."""
    masks = {mask.stem: mask for mask in (folder / "masks").iterdir()}
    photos = {photo.stem: photo for photo in (folder / "photos").iterdir()}
    if missing := sorted(photos.keys() ^ masks.keys()):
        raise FileNotFoundError(f"{folder}: {missing[0]} is in one of photos/ and masks/ only; add the other")
    for stem, photo in sorted(photos.items()):
        yield photo, masks[stem]


def read_mask(file: Path, class_: int | None) -> UInt8Array:
    """Return the class ids in `file`, uint8 [height, width]; if it has an alpha channel or is grey, `class_` and 0.

    Raises ValueError for another kind of picture than `class_` needs.
    """
    with Image.open(file) as image:
        if class_ is None and image.mode in ("P", "L"):
            return np.asarray(image)
        if class_ is not None and image.mode in ("1", "L", "LA", "RGBA"):
            values = np.asarray(image.getchannel("A") if "A" in image.mode else image.convert("L"))
            return np.where(values >= OPAQUE, np.uint8(class_), np.uint8(0))
        kind = "class ids (P or L)" if class_ is None else "grey, or an alpha channel (1, L, LA or RGBA)"
        raise ValueError(f"{file}: its mode is {image.mode}; needed: {kind}")


def judged(folder: Path, model: ModelWrapper, class_: int | None) -> Judged:
    """Return the confusion matrices of the photos in `folder`, segmented by `model`. Raises ValueError for a mask."""
    engine, classes = model.loading.result(), len(model.labels)
    result: Judged = {(edges, part): [] for edges in EDGES for part in PARTS}
    for photo_file, mask_file in read_pairs(folder):
        truth = read_mask(mask_file, class_)
        decoded = read_image(photo_file.read_bytes(), max_pixels=10**9)
        photo, image = np.asarray(decoded.image), np.asarray(resized(decoded, model.image_size))
        if truth.shape != photo.shape[:2]:
            raise ValueError(f"{mask_file}: {truth.shape[::-1]} pixels, but the upright photo has {decoded.size}")
        if unknown := set(np.unique(truth).tolist()) - {*range(classes), VOID}:
            raise ValueError(f"{mask_file}: the class {min(unknown)}; the model has 0 to {classes - 1}")
        prediction, band = engine.predict(image), near_edges(truth)
        for edges in EDGES:
            seg_map = enlarged(prediction, image, photo, edges)
            if class_ is not None:
                seg_map = np.where(seg_map == class_, seg_map, np.uint8(0))
            result[edges, WHOLE].append(confusion(truth, seg_map, classes))
            result[edges, NEAR].append(confusion(band, seg_map, classes))
    return result


def lines(result: Judged) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| edges | mean IoU | mean over photos | right within {BAND} pixels of an edge |"
    yield "| --- | --- | --- | --- |"
    for edges in EDGES:
        whole, near = result[edges, WHOLE], result[edges, NEAR]
        alone = np.mean([mean_iou(matrix) for matrix in whole])
        yield f"| {edges} | {cell(mean_iou, whole)} | {alone:.1f} | {cell(accuracy, near)} |"
    gains = [
        cell(gain(score), *(result[edges, part] for edges in EDGES), sign="+")
        for score, part in ((mean_iou, WHOLE), (accuracy, NEAR))
    ]
    yield f"| gain by {EDGES[1]} | {gains[0]} | | {gains[1]} |"


def cell(score: Callable[..., float], *photos: list[Array], sign: str = "") -> str:
    """Return `score` of the sum of each of `photos`, with its interval."""
    low, high = interval(score, *photos)
    return f"{score(*(np.sum(matrices, axis=0) for matrices in photos)):{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def main() -> None:
    parser = argument_parser("benchmarks.accuracy.unseen", __doc__)
    parser.add_argument("folder", type=Path, help="a folder with photos/ and masks/")
    parser.add_argument("--class", dest="name", metavar="NAME", help="the only class, of grey masks and of cut-outs")
    arguments = parser.parse_args()

    model = create_model(Settings.from_environment())
    class_ = next(iter(class_ids([arguments.name], model.labels))) if arguments.name else None
    result = judged(arguments.folder, model, class_)
    print(f"IMAGE_SIZE={model.image_size}, {len(result[EDGES[0], WHOLE])} photos\n")
    for line in lines(result):
        print(line)


if __name__ == "__main__":
    main()
