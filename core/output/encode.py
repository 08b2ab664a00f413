"""A segmentation as the body of an answer: one function for each representation."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response, request
from PIL import Image

from core import render
from core.output.segmentation import Segmentation

JSON, PNG, JPEG = "application/json", "image/png", "image/jpeg"


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of an answer, and what they are."""

    content: bytes
    mimetype: str


def map_body(segmentation: Segmentation) -> Body:
    """Return the JSON object of `status`, `image_size` [width, height] and `seg_map`, rows of class ids."""
    # Straight from the array.
    return _json(segmentation, seg_map=segmentation.seg_map)


def objects_body(segmentation: Segmentation) -> Body:
    """Return the JSON object of `status`, `image_size` and `objects`, what is there of each class, largest first."""
    width, height = segmentation.image_size
    objects = [
        {
            "id": area.class_id,
            "label": segmentation.labels[area.class_id],
            "pixels": area.pixels,
            "fraction": area.pixels / (width * height),
            "bbox": area.bbox,
            "rle": {"size": [height, width], "counts": area.counts.decode()},
        }
        for area in render.areas(segmentation.seg_map)
    ]
    return _json(segmentation, objects=objects)


def mask_body(segmentation: Segmentation) -> Body:
    """Return a PNG whose pixels are the class ids, in a palette of PASCAL VOC's colours."""
    return _png(render.mask(segmentation.seg_map))


def overlay_body(segmentation: Segmentation) -> Body:
    """Return the photo with the classes' colours over it, as a PNG."""
    return _png(render.overlay(segmentation.photo(), segmentation.seg_map))


def overlay_jpeg_body(segmentation: Segmentation) -> Body:
    """Return the photo with the classes' colours over it, as a JPEG: much smaller, and faster to make."""
    file = io.BytesIO()
    render.overlay(segmentation.photo(), segmentation.seg_map).save(file, "JPEG", quality=90)
    return Body(file.getvalue(), JPEG)


def cutout_body(segmentation: Segmentation) -> Body:
    """Return a PNG of the photo where the classes are, transparent elsewhere."""
    return _png(render.cutout(segmentation.photo(), segmentation.seg_map))


BODIES: dict[str, Callable[[Segmentation], Body]] = {
    "map": map_body,
    "objects": objects_body,
    "mask": mask_body,
    "overlay": overlay_body,
    "cutout": cutout_body,
}


def default_output() -> str:
    """Return what a request gets that names no output: the map, unless it accepts PNG and no JSON."""
    accept = request.accept_mimetypes
    return "mask" if accept.quality(PNG) > 0 and not accept.quality(JSON) else "map"


def chosen_body(output: str) -> Callable[[Segmentation], Body]:
    """Return the function for `output`, in the form that the current request accepts best."""
    accept = request.accept_mimetypes
    if output == "overlay" and accept.quality(JPEG) > accept.quality(PNG):
        return overlay_jpeg_body
    return BODIES[output]


def respond(body: Body) -> Response:
    """Return the answer; JSON compressed if the current request accepts that."""
    response = Response(body.content, mimetype=body.mimetype)
    response.vary.add("Accept")
    return gzipped(response) if body.mimetype == JSON else response


def gzipped(response: Response) -> Response:
    """Compress the body of `response` if the current request accepts that."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        # A map is so regular that the fastest level makes it a hundred times smaller; higher ones only cost time.
        response.set_data(gzip.compress(response.get_data(), compresslevel=1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _json(segmentation: Segmentation, **content: Any) -> Body:
    body = {"status": "ok", "image_size": segmentation.image_size} | content
    return Body(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), JSON)


def _png(image: Image.Image) -> Body:
    file = io.BytesIO()
    # Higher levels take several times as long for a tenth less.
    image.save(file, "PNG", compress_level=1)
    return Body(file.getvalue(), PNG)
