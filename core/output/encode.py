"""Encoders: a segmentation becomes the bytes of a JSON object or a picture."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from PIL import Image

from core.output import render
from core.output.confidence import confidence
from core.output.polygons import polygons
from core.output.run_length import areas
from core.output.segmentation import Segmentation, image_box, image_size
from core.types import Alpha, Shapes, UInt8Array

JSON, PNG, JPEG, WEBP = "application/json", "image/png", "image/jpeg", "image/webp"


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded segmentation: its bytes, their media type, and the label map, uint8 [height, width].

    `coding` is the content coding of the bytes, such as gzip; "" for none.
    """

    content: bytes
    mimetype: str
    seg_map: UInt8Array
    coding: str = ""

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the label map, in pixels."""
        return image_size(self.seg_map)


Encoder: TypeAlias = Callable[[Segmentation], Encoded]


def encode_map(segmentation: Segmentation) -> Encoded:
    """Return a JSON object with `status`, `image_size` [width, height] and `seg_map`, rows of class ids."""
    return _json(segmentation, seg_map=segmentation.seg_map)


def encode_objects(segmentation: Segmentation, *, shapes: Shapes, tolerance: float) -> Encoded:
    """Return a JSON object with `status`, `image_size` and `objects`: each class present, largest area first.

    With the `shapes` "polygons", each object has these too, simplified by at most `tolerance` pixels; see
    core.output.polygons.
    """
    width, height = image_size(segmentation.seg_map)
    scores = segmentation.scores
    objects = []
    for area in areas(segmentation.seg_map):
        found = {
            "id": area.class_id,
            "label": segmentation.labels[area.class_id],
            "score": scores.get(area.class_id),
            "pixels": area.pixels,
            "fraction": area.pixels / (width * height),
            "bbox": area.bbox,
            "rle": {"size": [height, width], "counts": area.counts.decode()},
        }
        if shapes == "polygons":
            found["polygons"] = polygons(segmentation.seg_map, area.class_id, area.bbox, tolerance)
        objects.append(found)
    return _json(segmentation, objects=objects)


def encode_coco(segmentation: Segmentation) -> Encoded:
    """Return a JSON object in COCO's format of instances, with one image and an annotation for each class present."""
    width, height = image_size(segmentation.seg_map)
    scores = segmentation.scores
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": area.class_id,
            "segmentation": {"size": [height, width], "counts": area.counts.decode()},
            "area": area.pixels,
            "bbox": area.bbox,
            "iscrowd": 0,
            "score": scores.get(area.class_id),
        }
        for number, area in enumerate(areas(segmentation.seg_map), 1)
    ]
    body = {
        "images": [{"id": 1, "width": width, "height": height, "file_name": "image"}],
        "annotations": annotations,
        "categories": [{"id": id_, "name": name} for id_, name in enumerate(segmentation.labels) if id_],
    }
    return Encoded(orjson.dumps(body), JSON, segmentation.seg_map)


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


def encode_cutout(
    segmentation: Segmentation,
    *,
    alpha: Alpha,
    background: str,
    crop: bool,
    mimetype: str = PNG,
) -> Encoded:
    """Return a PNG, or a WebP, of the photo without its background; see core.output.render.cutout()."""
    image = render.cutout(segmentation.photo, segmentation.seg_map, alpha, background)
    if crop and (box := image_box(segmentation.seg_map)):
        image = image.crop(box)
    if mimetype == PNG:
        return _png(segmentation, image)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=90, method=2)
    return Encoded(file.getvalue(), WEBP, segmentation.seg_map)


def encode_confidence(segmentation: Segmentation) -> Encoded:
    """Return a grey PNG of 255 times the largest probability at each pixel."""
    size = image_size(segmentation.seg_map)
    return _png(segmentation, Image.fromarray(confidence(segmentation.prediction, size)))


def _json(segmentation: Segmentation, **content: Any) -> Encoded:
    body = {"status": "ok", "image_size": image_size(segmentation.seg_map)} | content
    # orjson reads the array's memory, without a list of Python integers in between.
    return Encoded(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), JSON, segmentation.seg_map)


def _png(segmentation: Segmentation, image: Image.Image) -> Encoded:
    file = io.BytesIO()
    # Higher levels take several times as long and save a tenth of the size.
    image.save(file, "PNG", compress_level=1)
    return Encoded(file.getvalue(), PNG, segmentation.seg_map)
