"""A label map, and the photo it is of, as something to look at or to count: pure functions of arrays."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from core.types import Array, UInt8Array

# How much of a class's colour an overlay has.
OPACITY = 0.5
# An edge of a cut-out fades over one pixel in so many of the long side, to either side.
SOFT_EDGES = 1000


def palette() -> UInt8Array:
    """Return PASCAL VOC's colours of the class ids, uint8 [256, 3] in RGB.

    From VOC's development kit: bit 3 i + c of the id is bit 7 - i of the colour's channel c.
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((ids >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours


COLOURS = palette()


def mask(seg_map: UInt8Array) -> Image.Image:
    """Return `seg_map`, uint8 [height, width], as an image whose pixels are the class ids, in PASCAL VOC's colours."""
    image = Image.fromarray(seg_map)
    image.putpalette(COLOURS.tobytes())
    return image


def overlay(photo: Image.Image, seg_map: UInt8Array) -> Image.Image:
    """Return `photo`, RGB, with the colours of the classes in `seg_map`, of its size, over it, but for background."""
    coloured = Image.blend(photo, mask(seg_map).convert("RGB"), OPACITY)
    return Image.composite(coloured, photo, _alpha(seg_map))


def cutout(photo: Image.Image, seg_map: UInt8Array) -> Image.Image:
    """Return `photo` as RGBA, transparent where `seg_map`, of its size, is background, with edges that fade softly."""
    softness = max(1, max(photo.size) // SOFT_EDGES)
    photo.putalpha(_alpha(seg_map).filter(ImageFilter.BoxBlur(softness)))
    return photo


def _alpha(seg_map: UInt8Array) -> Image.Image:
    """Return a grey image of `seg_map`'s size: white where the classes are, black where background is."""
    return Image.fromarray((seg_map != 0) * np.uint8(255))


@dataclass(frozen=True, slots=True)
class Area:
    """The pixels of one class: how many, their bounding box [x, y, width, height], and COCO's compressed run lengths.

    `counts` are the lengths of alternating runs of other pixels and of the class's, down the columns from the left.
    """

    class_id: int
    pixels: int
    bbox: tuple[int, int, int, int]
    counts: bytes


def areas(seg_map: UInt8Array) -> list[Area]:
    """Return the areas of the classes in `seg_map`, uint8 [height, width], largest first, without background."""
    height = seg_map.shape[0]
    columns = seg_map.ravel(order="F")
    changes = np.flatnonzero(columns[1:] != columns[:-1]) + 1
    starts, ends = np.append(0, changes), np.append(changes, columns.size)
    classes = columns[starts]
    found = []
    for class_ in np.unique(classes[classes != 0]):
        begin, end = starts[classes == class_], ends[classes == class_]
        left, top = np.divmod(begin, height)
        right, bottom = np.divmod(end - 1, height)
        # A run that goes on into the next column covers the last row and the first.
        within = left == right
        x, y = int(left.min()), int(np.where(within, top, 0).min())
        bbox = (x, y, int(right.max()) + 1 - x, int(np.where(within, bottom, height - 1).max()) + 1 - y)
        bounds = np.stack([begin, end], axis=1).ravel()
        if end[-1] < columns.size:
            bounds = np.append(bounds, columns.size)
        counts = compressed(np.diff(bounds, prepend=0))
        found.append(Area(int(class_), int((end - begin).sum()), bbox, counts))
    return sorted(found, key=lambda area: (-area.pixels, area.class_id))


def compressed(counts: Array) -> bytes:
    """Return run lengths in the form that COCO's API reads: as the differences to the last but one, from the third on,
    in groups of five bits with a sixth for whether more follow, lowest first, each group a printable character.
    """
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    groups, present, going_on = [], [], np.ones(values.shape, bool)
    while going_on.any():
        group = values & 0x1F
        values >>= 5
        present.append(going_on)
        # A group ends its number if what is left is all sign.
        going_on = going_on & (values != np.where(group & 0x10, -1, 0))
        groups.append(group + np.where(going_on, 0x20, 0) + 48)
    characters: UInt8Array = np.stack(groups, axis=1)[np.stack(present, axis=1)].astype(np.uint8)
    return characters.tobytes()
