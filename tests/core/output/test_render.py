"""Masks, overlays and cut-outs: their pixels, and that their arguments stay unchanged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.labels import LABELS
from core.output.matting import Foreground, soft_alpha
from core.output.render import COLOURS, cutout, mask, overlay
from core.types import Alpha, UInt8Array
from tests.support.label_maps import LABEL_MAPS

RANDOM = np.random.default_rng(5)


def random_photo(seg_map: UInt8Array) -> UInt8Array:
    return RANDOM.integers(0, 256, (*seg_map.shape, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("label", "colour"),
    [
        ("background", (0, 0, 0)),
        ("aeroplane", (128, 0, 0)),
        ("cat", (64, 0, 0)),
        ("person", (192, 128, 128)),
        ("sofa", (0, 192, 0)),
        ("tv", (0, 64, 128)),
    ],
)
def test_palette_has_pascal_voc_colour(label: str, colour: tuple[int, int, int]) -> None:
    assert tuple(COLOURS[LABELS.index(label)]) == colour


def test_palette_of_void_is_the_colour_of_outlines_in_voc_masks() -> None:
    assert tuple(COLOURS[255]) == (224, 224, 192)


def test_palette_colours_are_distinct() -> None:
    assert len({tuple(colour) for colour in COLOURS}) == 256


def test_palette_equals_palette_of_voc_mask(voc: Path) -> None:
    with Image.open(min((voc / "SegmentationClass").glob("*.png"))) as voc_mask:
        assert bytes(voc_mask.getpalette() or []) == COLOURS.tobytes()


@pytest.mark.parametrize("name", LABEL_MAPS)
def test_mask_pixels_are_class_ids_in_palette_colours(name: str) -> None:
    image = mask(LABEL_MAPS[name])
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), LABEL_MAPS[name])
    assert np.array_equal(np.asarray(image.convert("RGB")), COLOURS[LABEL_MAPS[name]])


def test_overlay_blends_classes_and_keeps_background() -> None:
    seg_map = LABEL_MAPS["patches"]
    photo = random_photo(seg_map)
    result = np.asarray(overlay(photo, seg_map)).astype(int)
    assert np.array_equal(result[seg_map == 0], photo[seg_map == 0])
    blended = (photo.astype(int) + COLOURS[seg_map]) / 2
    assert np.abs(result - blended)[seg_map != 0].max() <= 1


def disc(side: int) -> UInt8Array:
    """Return labels with a disc of the class 15 in a square of `side` pixels."""
    rows, columns = np.indices((side, side)) - side / 2
    return np.where(rows**2 + columns**2 < (side / 3) ** 2, 15, 0).astype(np.uint8)


def test_hard_cutout_keeps_colours_and_labels() -> None:
    seg_map = np.zeros((60, 80), np.uint8)
    seg_map[20:40, 30:60] = 15
    photo = random_photo(seg_map)
    result = np.asarray(cutout(photo, seg_map, "hard"))
    assert np.array_equal(result[seg_map != 0, :3], photo[seg_map != 0])
    assert np.array_equal(result[..., 3], (seg_map != 0) * 255)


@pytest.mark.parametrize("alpha", ["soft", "hard"])
def test_transparent_cutout_hides_no_colour_of_the_background(alpha: Alpha) -> None:
    seg_map = disc(90)
    result = np.asarray(cutout(random_photo(seg_map), seg_map, alpha))
    hidden = result[..., 3] == 0
    assert hidden.sum() > 1000
    assert not result[hidden].any()


def test_transparent_soft_cutout_keeps_colours_of_visible_pixels() -> None:
    seg_map = disc(90)
    photo = random_photo(seg_map)
    result, opacity = np.asarray(cutout(photo, seg_map)), soft_alpha(seg_map, photo)
    assert np.count_nonzero((opacity > 0) & (opacity < 255)) > 100
    colours = Foreground(photo, opacity).colours((slice(0, 90), slice(0, 90)))
    assert np.array_equal(result[opacity > 0, :3], colours[opacity > 0])
    assert np.array_equal(result[..., 3], opacity)


@pytest.mark.parametrize(
    "render", [lambda photo, seg_map: mask(seg_map), overlay, cutout], ids=["mask", "overlay", "cutout"]
)
def test_render_leaves_photo_and_label_map_unchanged(
    render: Callable[[UInt8Array, UInt8Array], Image.Image],
) -> None:
    seg_map = LABEL_MAPS["patches"].copy()
    photo = random_photo(seg_map)
    pixels = photo.tobytes()
    render(photo, seg_map)
    assert np.array_equal(seg_map, LABEL_MAPS["patches"])
    assert photo.tobytes() == pixels
