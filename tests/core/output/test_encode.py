"""The encoders: media type, content and label map."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from core.errors import InvalidRequest
from core.labels import LABELS
from core.output import render
from core.output.encode import (
    LARGEST,
    WEBP,
    Encoded,
    encode_cutout,
    encode_objects,
    encode_overlay_jpeg,
    picture_file,
)
from core.output.segmentation import Segmentation
from core.outputs import OUTPUTS, file_suffix
from core.parameters import encoder
from core.types import Prediction, UInt8Array

SEG_MAP: UInt8Array = np.zeros((20, 30), np.uint8)
SEG_MAP[2:5, 3:10] = 8
SEG_MAP[10:20, 0:15] = 15
# Cats and people with probabilities of 0.75 and 0.5, and background for certain.
LOGITS = np.full((5, 8, 21), -100, np.float32)
LOGITS[..., 0] = 0
LOGITS[0, 1:3] = [[math.log(0.25), *[-100] * 7, math.log(0.75), *[-100] * 12]] * 2
LOGITS[3:, :4] = [math.log(0.3), *[-100] * 7, math.log(0.2), *[-100] * 6, math.log(0.5), *[-100] * 5]
PREDICTION = Prediction(SEG_MAP, LOGITS, 4)


@pytest.fixture
def segmentation() -> Segmentation:
    photo = np.random.default_rng(8).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    return Segmentation(SEG_MAP, photo, LABELS, PREDICTION)


def opened(encoded: Encoded) -> Image.Image:
    image = Image.open(io.BytesIO(encoded.content))
    assert encoded.mimetype == Image.MIME[image.format or ""]
    return image


def json_of(encoded: Encoded) -> Any:
    assert encoded.mimetype == "application/json"
    return orjson.loads(encoded.content)


@pytest.mark.parametrize("output", OUTPUTS)
def test_encoder_returns_label_map_and_image_size(segmentation: Segmentation, output: str) -> None:
    encoded = encoder(output)(segmentation)
    assert encoded.seg_map is segmentation.seg_map
    assert encoded.width_height == (30, 20)


def test_encode_map_returns_rows_of_class_ids(segmentation: Segmentation) -> None:
    content = json_of(encoder("map")(segmentation))
    assert content == {"status": "ok", "image_size": [30, 20], "seg_map": SEG_MAP.tolist()}


def test_encode_objects_returns_classes_largest_first(segmentation: Segmentation) -> None:
    content = json_of(encoder("objects")(segmentation))
    assert content["status"] == "ok"
    assert content["image_size"] == [30, 20]
    person, cat = content["objects"]
    for found in (person, cat):
        rle = found.pop("rle")
        assert rle["size"] == [20, 30]
        assert np.array_equal(coco.decode(rle), segmentation.seg_map == found["id"])
    assert [found.pop("score") for found in (person, cat)] == pytest.approx([0.5, 0.75])
    assert person == {"id": 15, "label": "person", "pixels": 150, "fraction": 0.25, "bbox": [0, 10, 15, 10]}
    assert cat == {"id": 8, "label": "cat", "pixels": 21, "fraction": 0.035, "bbox": [3, 2, 7, 3]}


def test_encode_objects_with_tolerance_returns_polygons(segmentation: Segmentation) -> None:
    person, cat = json_of(encode_objects(segmentation, shapes="polygons", tolerance=0.0))["objects"]
    assert len(person["polygons"]) == len(cat["polygons"]) == 1
    [[ring]] = cat["polygons"]
    assert ring[0] == ring[-1]
    assert np.min(ring, axis=0).tolist() == [3, 2]
    assert np.max(ring, axis=0).tolist() == [10, 5]


def test_encode_coco_is_loaded_by_pycocotools(segmentation: Segmentation, tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    file.write_bytes(encoder("coco")(segmentation).content)
    dataset = COCO(str(file))
    assert {category["name"] for category in dataset.loadCats(dataset.getCatIds())} == set(LABELS[1:])
    annotations = dataset.loadAnns(dataset.getAnnIds(imgIds=[1]))
    assert [annotation["category_id"] for annotation in annotations] == [15, 8]
    for annotation in annotations:
        assert np.array_equal(dataset.annToMask(annotation), segmentation.seg_map == annotation["category_id"])
        assert annotation["area"] == (segmentation.seg_map == annotation["category_id"]).sum()


def test_encode_confidence_returns_grey_png_of_largest_probability(segmentation: Segmentation) -> None:
    image = opened(encoder("confidence")(segmentation))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (30, 20))
    pixels = np.asarray(image)
    assert int(pixels[17, 3]) == pytest.approx(127, abs=2)
    assert pixels[8, 28] == 255


@pytest.mark.parametrize(("background", "mode"), [("transparent", "RGBA"), ("blur", "RGB"), ("#00ff00", "RGB")])
def test_encode_cutout_with_background_and_crop(segmentation: Segmentation, background: str, mode: str) -> None:
    whole, cropped = (
        opened(encode_cutout(segmentation, alpha="hard", background=background, blur=0.025, crop=crop))
        for crop in (False, True)
    )
    assert (whole.mode, whole.size, cropped.size) == (mode, (30, 20), (15, 18))
    assert cropped.tobytes() == whole.crop((0, 2, 15, 20)).tobytes()
    if background == "#00ff00":
        assert whole.getpixel((25, 15)) == (0, 255, 0)


def test_encode_cutout_as_webp(segmentation: Segmentation) -> None:
    image = opened(encoder("cutout", {}, "image/webp")(segmentation))
    assert (image.format, image.mode) == ("WEBP", "RGBA")


def test_encode_mask_returns_png_of_class_ids_with_palette(segmentation: Segmentation) -> None:
    image = opened(encoder("mask")(segmentation))
    assert (image.format, image.mode) == ("PNG", "P")
    assert np.array_equal(np.asarray(image), SEG_MAP)
    assert np.array_equal(np.asarray(image.convert("RGB")), render.COLOURS[SEG_MAP])


@pytest.mark.parametrize("output", ["overlay", "cutout"])
def test_encode_picture_returns_lossless_png(segmentation: Segmentation, output: str) -> None:
    image = opened(encoder(output)(segmentation))
    assert image.format == "PNG"
    expected = getattr(render, output)(segmentation.photo, SEG_MAP)
    assert image.mode == expected.mode
    assert image.tobytes() == expected.tobytes()


def test_encode_overlay_jpeg_returns_jpeg_like_the_overlay(segmentation: Segmentation) -> None:
    smooth = Segmentation(SEG_MAP, np.full((20, 30, 3), (0, 128, 128), np.uint8), LABELS, PREDICTION)
    encoded = encode_overlay_jpeg(smooth)
    assert encoded.seg_map is SEG_MAP
    image = opened(encoded)
    assert image.format == "JPEG"
    difference = np.asarray(image).astype(int) - np.asarray(render.overlay(smooth.photo, SEG_MAP))
    assert np.abs(difference).mean() < 5


def long(width: int) -> Segmentation:
    """Return a segmentation of one row of `width` pixels, with a cat at the pixels 3 to 10."""
    seg_map = np.zeros((1, width), np.uint8)
    seg_map[:, 3:10] = 8
    return Segmentation(seg_map, np.zeros((1, width, 3), np.uint8), LABELS, PREDICTION)


@pytest.mark.parametrize("mimetype", LARGEST)
def test_largest_sides_are_those_that_pillow_encodes(mimetype: str) -> None:
    side, _ = LARGEST[mimetype]
    picture_file(Image.new("RGB", (side, 1)), mimetype)
    with pytest.raises((OSError, ValueError)):
        picture_file(Image.new("RGB", (side + 1, 1)), mimetype)


def test_encode_overlay_jpeg_of_a_long_photo_raises_invalid_request() -> None:
    assert encode_overlay_jpeg(long(65_500)).content
    with pytest.raises(InvalidRequest, match=r"65,501 x 1 pixels; image/jpeg can have 65,500 .* ask for image/png"):
        encode_overlay_jpeg(long(65_501))


def test_encode_cutout_as_webp_of_a_long_photo_raises_invalid_request() -> None:
    assert encoder("cutout", {}, WEBP)(long(16_383)).content
    with pytest.raises(InvalidRequest, match=r"16,384 x 1 pixels; image/webp can have 16,383 .* ask for image/png"):
        encoder("cutout", {}, WEBP)(long(16_384))
    assert opened(encoder("cutout", {"crop": True}, WEBP)(long(16_384))).size == (7, 1)
    assert opened(encoder("cutout")(long(16_384))).size == (16_384, 1)


@pytest.mark.parametrize(
    ("output", "suffix"),
    [
        ("map", "map.json"),
        ("objects", "objects.json"),
        ("mask", "mask.png"),
        ("overlay", "overlay.png"),
        ("cutout", "cutout.png"),
        ("confidence", "confidence.png"),
        ("coco", "coco.json"),
    ],
)
def test_file_suffix_names_output_and_format(output: str, suffix: str) -> None:
    assert file_suffix(output) == suffix
