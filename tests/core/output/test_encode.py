"""The encoders: media type, content and label map."""

import io
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from pycocotools import mask as coco

from core.labels import LABELS
from core.output import render
from core.output.encode import ENCODERS, Encoded, encode_overlay_jpeg, file_suffix
from core.output.segmentation import Segmentation
from core.types import UInt8Array

SEG_MAP: UInt8Array = np.zeros((20, 30), np.uint8)
SEG_MAP[2:5, 3:10] = 8
SEG_MAP[10:20, 0:15] = 15


@pytest.fixture
def segmentation() -> Segmentation:
    photo = np.random.default_rng(8).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    return Segmentation(SEG_MAP, photo, LABELS)


def opened(encoded: Encoded) -> Image.Image:
    image = Image.open(io.BytesIO(encoded.content))
    assert encoded.mimetype == Image.MIME[image.format or ""]
    return image


def json_of(encoded: Encoded) -> Any:
    assert encoded.mimetype == "application/json"
    return orjson.loads(encoded.content)


@pytest.mark.parametrize("output", ENCODERS)
def test_encoder_returns_label_map_and_image_size(segmentation: Segmentation, output: str) -> None:
    encoded = ENCODERS[output](segmentation)
    assert encoded.seg_map is segmentation.seg_map
    assert encoded.image_size == (30, 20)


def test_encode_map_returns_rows_of_class_ids(segmentation: Segmentation) -> None:
    content = json_of(ENCODERS["map"](segmentation))
    assert content == {"status": "ok", "image_size": [30, 20], "seg_map": SEG_MAP.tolist()}


def test_encode_objects_returns_classes_largest_first(segmentation: Segmentation) -> None:
    content = json_of(ENCODERS["objects"](segmentation))
    assert content["status"] == "ok"
    assert content["image_size"] == [30, 20]
    person, cat = content["objects"]
    for found in (person, cat):
        rle = found.pop("rle")
        assert rle["size"] == [20, 30]
        assert np.array_equal(coco.decode(rle), segmentation.seg_map == found["id"])
    assert person == {"id": 15, "label": "person", "pixels": 150, "fraction": 0.25, "bbox": [0, 10, 15, 10]}
    assert cat == {"id": 8, "label": "cat", "pixels": 21, "fraction": 0.035, "bbox": [3, 2, 7, 3]}


def test_encode_mask_returns_png_of_class_ids_with_palette(segmentation: Segmentation) -> None:
    image = opened(ENCODERS["mask"](segmentation))
    assert (image.format, image.mode) == ("PNG", "P")
    assert np.array_equal(np.asarray(image), SEG_MAP)
    assert np.array_equal(np.asarray(image.convert("RGB")), render.COLOURS[SEG_MAP])


@pytest.mark.parametrize("output", ["overlay", "cutout"])
def test_encode_picture_returns_lossless_png(segmentation: Segmentation, output: str) -> None:
    image = opened(ENCODERS[output](segmentation))
    assert image.format == "PNG"
    expected = getattr(render, output)(segmentation.photo, SEG_MAP)
    assert image.mode == expected.mode
    assert image.tobytes() == expected.tobytes()


def test_encode_overlay_jpeg_returns_jpeg_like_the_overlay(segmentation: Segmentation) -> None:
    smooth = Segmentation(SEG_MAP, np.full((20, 30, 3), (0, 128, 128), np.uint8), LABELS)
    encoded = encode_overlay_jpeg(smooth)
    assert encoded.seg_map is SEG_MAP
    image = opened(encoded)
    assert image.format == "JPEG"
    difference = np.asarray(image).astype(int) - np.asarray(render.overlay(smooth.photo, SEG_MAP))
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize(
    ("output", "suffix"),
    [
        ("map", "map.json"),
        ("objects", "objects.json"),
        ("mask", "mask.png"),
        ("overlay", "overlay.png"),
        ("cutout", "cutout.png"),
    ],
)
def test_file_suffix_names_output_and_format(output: str, suffix: str) -> None:
    assert file_suffix(output) == suffix
