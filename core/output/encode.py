"""Encoders: a segmentation becomes the bytes of a JSON object or a picture."""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from PIL import Image

from core.checkpoint import checkpoint
from core.errors import InvalidRequest
from core.output import render
from core.output.confidence import confidence
from core.output.objects import instances, objects
from core.output.segmentation import Segmentation, image_box, width_height
from core.output.vector import svg
from core.types import Alpha, Shapes, UInt8Array

JSON, PNG, JPEG, WEBP, SVG = "application/json", "image/png", "image/jpeg", "image/webp", "image/svg+xml"
# The most pixels of the long side, and of the picture. The sides are limits of libjpeg (JPEG_MAX_DIMENSION; the format
# itself has 65,535) and of WebP, whose encoder can't be stopped, and takes up to 32 bytes and 120 ns for a pixel.
LARGEST = {JPEG: (65_500, 1_000_000_000), WEBP: (16_383, 16_000_000)}
# Options of Image.save(). Higher levels of PNG take several times as long and save a tenth of the size.
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    PNG: {"format": "PNG", "compress_level": 1},
    JPEG: {"format": "JPEG", "quality": 90},
    WEBP: {"format": "WEBP", "quality": 90, "method": 2},
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded segmentation: its bytes, their media type, and the label map, uint8 [height, width].

    `headers` are those that an HTTP response has with these bytes, such as their content coding.
    """

    content: bytes
    mimetype: str
    seg_map: UInt8Array
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def width_height(self) -> tuple[int, int]:
        """Width and height of the label map, in pixels."""
        return width_height(self.seg_map)


Encoder: TypeAlias = Callable[[Segmentation], Encoded]


def encode_map(segmentation: Segmentation) -> Encoded:
    """Return a JSON object with `status`, `image_size` [width, height] and `seg_map`, rows of class ids."""
    return _json(segmentation, seg_map=segmentation.seg_map)


def encode_objects(segmentation: Segmentation, *, shapes: Shapes, tolerance: float) -> Encoded:
    """Return a JSON object with `status`, `image_size` and `objects`: each class present, largest area first.

    With the `shapes` "polygons", each object has these too, simplified by at most `tolerance` pixels. Raises
    InvalidRequest, as core.output.polygons.
    """
    return _json(segmentation, objects=objects(segmentation, tolerance if shapes == "polygons" else None))


def encode_coco(segmentation: Segmentation) -> Encoded:
    """Return a JSON object in COCO's format of instances, with one image and an annotation for each class present."""
    return Encoded(orjson.dumps(instances(segmentation)), JSON, segmentation.seg_map)


def encode_svg(segmentation: Segmentation) -> Encoded:
    """Return an SVG with the polygons of each class present; see core.output.vector.svg(). Raises InvalidRequest."""
    return Encoded(svg(segmentation), SVG, segmentation.seg_map)


def encode_mask(segmentation: Segmentation) -> Encoded:
    """Return a PNG whose pixel values are the class ids, with PASCAL VOC's palette."""
    return _picture(segmentation, render.mask(segmentation.seg_map))


def encode_overlay(segmentation: Segmentation) -> Encoded:
    """Return a PNG of the photo, blended with the colours of the classes."""
    return _picture(segmentation, render.overlay(segmentation.photo, segmentation.seg_map))


def encode_overlay_jpeg(segmentation: Segmentation) -> Encoded:
    """Return a JPEG of the photo, blended with the colours of the classes: smaller and faster to encode than a PNG.

    Raises InvalidRequest if the photo is too long for a JPEG.
    """
    check_size(width_height(segmentation.seg_map), JPEG)
    return _picture(segmentation, render.overlay(segmentation.photo, segmentation.seg_map), JPEG)


def encode_cutout(  # noqa: PLR0913 (the parameters of the output)
    segmentation: Segmentation,
    *,
    alpha: Alpha,
    background: str,
    blur: float,
    crop: bool,
    mimetype: str = PNG,
) -> Encoded:
    """Return a PNG, or a WebP, of the photo without its background; see core.output.render.cutout().

    The picture of the segmentation, if it has one, is behind it in place of `background`. Raises InvalidRequest if the
    picture is too long for a WebP.
    """
    width, height = width_height(segmentation.seg_map)
    left, top, right, bottom = (crop and image_box(segmentation.seg_map)) or (0, 0, width, height)
    check_size((right - left, bottom - top), mimetype)
    behind = background if segmentation.background is None else segmentation.background
    image = render.cutout(segmentation.photo, segmentation.seg_map, alpha, behind, blur)
    if (right - left, bottom - top) != image.size:
        image = image.crop((left, top, right, bottom))
    return _picture(segmentation, image, mimetype)


def encode_confidence(segmentation: Segmentation) -> Encoded:
    """Return a grey PNG of 255 times the largest probability at each pixel."""
    size = width_height(segmentation.seg_map)
    return _picture(segmentation, Image.fromarray(confidence(segmentation.prediction, size)))


def fits(size: tuple[int, int], mimetype: str) -> bool:
    """Return whether a picture of `size`, width and height, can be a file of type `mimetype`."""
    side, pixels = LARGEST.get(mimetype, (math.inf, math.inf))
    return max(size) <= side and size[0] * size[1] <= pixels


def check_size(size: tuple[int, int], mimetype: str) -> None:
    """Raise InvalidRequest if a picture of `size`, width and height, can't be a file of type `mimetype`."""
    if not fits(size, mimetype):
        side, pixels = LARGEST[mimetype]
        raise InvalidRequest(
            f"the picture has {size[0]:,} x {size[1]:,} pixels; {mimetype} can have {side:,} at its long side, and "
            f"{pixels / 1e6:g} megapixels; ask for {PNG}, or send a smaller image"
        )


class Sink(io.BytesIO):
    """A file in memory. Its writer stops at the next piece when nobody waits for the file."""

    def write(self, data: Any, /) -> int:
        checkpoint()
        return super().write(data)


def picture_file(image: Image.Image, mimetype: str = PNG) -> bytes:
    """Return `image` as a file of type `mimetype`, a key of SAVE_OPTIONS.

    The encoders of PNG and JPEG stop within milliseconds when nobody waits for the file; that of WebP can't be stopped.
    """
    file = Sink()
    image.save(file, **SAVE_OPTIONS[mimetype])
    return file.getvalue()


def _json(segmentation: Segmentation, **content: Any) -> Encoded:
    checkpoint()
    body = {"status": "ok", "image_size": width_height(segmentation.seg_map)} | content
    # orjson reads the array's memory, without a list of Python integers in between. It can't be stopped, but takes less
    # than 10 nanoseconds a pixel.
    return Encoded(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), JSON, segmentation.seg_map)


def _picture(segmentation: Segmentation, image: Image.Image, mimetype: str = PNG) -> Encoded:
    return Encoded(picture_file(image, mimetype), mimetype, segmentation.seg_map)
