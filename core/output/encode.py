"""Encoders: a segmentation becomes the bytes of a JSON object or a picture."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from PIL import Image

from core.output import render
from core.output.run_length import areas
from core.output.segmentation import Segmentation, image_size
from core.types import UInt8Array

JSON, PNG, JPEG = "application/json", "image/png", "image/jpeg"


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded segmentation: its bytes, their media type, and the label map, uint8 [height, width]."""

    content: bytes
    mimetype: str
    seg_map: UInt8Array

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the label map, in pixels."""
        return image_size(self.seg_map)


Encoder: TypeAlias = Callable[[Segmentation], Encoded]


def encode_map(segmentation: Segmentation) -> Encoded:
    """Return a JSON object with `status`, `image_size` [width, height] and `seg_map`, rows of class ids."""
    return _json(segmentation, seg_map=segmentation.seg_map)


def encode_objects(segmentation: Segmentation) -> Encoded:
    """Return a JSON object with `status`, `image_size` and `objects`: each class present, largest area first."""
    width, height = image_size(segmentation.seg_map)
    objects = [
        {
            "id": area.class_id,
            "label": segmentation.labels[area.class_id],
            "pixels": area.pixels,
            "fraction": area.pixels / (width * height),
            "bbox": area.bbox,
            "rle": {"size": [height, width], "counts": area.counts.decode()},
        }
        for area in areas(segmentation.seg_map)
    ]
    return _json(segmentation, objects=objects)


def encode_mask(segmentation: Segmentation) -> Encoded:
    """Return a PNG whose pixel values are the class ids, with PASCAL VOC's palette."""
    return _png(segmentation, render.mask(segmentation.seg_map))


def encode_overlay(segmentation: Segmentation) -> Encoded:
    """Return a PNG of the photo, blended with the colours of the classes."""
    return _png(segmentation, render.overlay(segmentation.photo, segmentation.seg_map))


def encode_overlay_jpeg(segmentation: Segmentation) -> Encoded:
    """Return a JPEG of the photo, blended with the colours of the classes: smaller and faster to encode than a PNG."""
    file = io.BytesIO()
    render.overlay(segmentation.photo, segmentation.seg_map).save(file, "JPEG", quality=90)
    return Encoded(file.getvalue(), JPEG, segmentation.seg_map)


def encode_cutout(segmentation: Segmentation) -> Encoded:
    """Return a PNG of the photo whose background pixels are transparent."""
    return _png(segmentation, render.cutout(segmentation.photo, segmentation.seg_map))


# By the name of the parameter `output`.
ENCODERS: dict[str, Encoder] = {
    "map": encode_map,
    "objects": encode_objects,
    "mask": encode_mask,
    "overlay": encode_overlay,
    "cutout": encode_cutout,
}


def file_suffix(output: str) -> str:
    """Return the suffix, without a leading dot, of a file that holds the `output` of a photo."""
    return f"{output}.{'json' if output in ('map', 'objects') else 'png'}"


def _json(segmentation: Segmentation, **content: Any) -> Encoded:
    body = {"status": "ok", "image_size": image_size(segmentation.seg_map)} | content
    # orjson reads the array's memory, without a list of Python integers in between.
    return Encoded(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), JSON, segmentation.seg_map)


def _png(segmentation: Segmentation, image: Image.Image) -> Encoded:
    file = io.BytesIO()
    # Higher levels take several times as long and save a tenth of the size.
    image.save(file, "PNG", compress_level=1)
    return Encoded(file.getvalue(), PNG, segmentation.seg_map)
