"""The outputs: one row for everything that HTTP, the command line and the documents say of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from core.output.encode import (
    JPEG,
    JSON,
    PNG,
    SVG,
    WEBP,
    Encoded,
    encode_coco,
    encode_confidence,
    encode_cutout,
    encode_map,
    encode_mask,
    encode_objects,
    encode_overlay,
    encode_overlay_jpeg,
    encode_svg,
)

# The endings of files by media type, without the dot; the first one is that of the files that the commands write.
SUFFIXES = {JSON: ("json",), PNG: ("png",), JPEG: ("jpg", "jpeg"), WEBP: ("webp",), SVG: ("svg",)}


@dataclass(frozen=True, slots=True)
class Output:
    """A representation of a result: what it is, and an encoder for each media type; the first is the default.

    The encoders take a Segmentation, and the parameters of this output by name (see core.parameters).
    """

    help: str
    encoders: Mapping[str, Callable[..., Encoded]]

    @property
    def suffixes(self) -> dict[str, str]:
        """The media type of each ending that a file with this output may have; the first is that of the default."""
        return {suffix: mimetype for mimetype in self.encoders for suffix in SUFFIXES[mimetype]}


OUTPUTS = {
    "map": Output("the class id of every pixel", {JSON: encode_map}),
    "objects": Output(
        "the pixels, fraction, score, bounding box and COCO run-length encoding of each class", {JSON: encode_objects}
    ),
    "mask": Output("a palette picture, a pixel's value is its class id", {PNG: encode_mask}),
    "overlay": Output(
        "the photo blended with the colours of the classes", {PNG: encode_overlay, JPEG: encode_overlay_jpeg}
    ),
    "cutout": Output(
        "the photo without its background", {PNG: encode_cutout, WEBP: partial(encode_cutout, mimetype=WEBP)}
    ),
    "confidence": Output("grey, 255 times the largest probability of a class at each pixel", {PNG: encode_confidence}),
    "coco": Output("COCO's format of instances, for pycocotools", {JSON: encode_coco}),
    "svg": Output("the polygons of each class in its colour, with its name", {SVG: encode_svg}),
}
# The media types of all outputs.
MIMETYPES = tuple(dict.fromkeys(mimetype for output in OUTPUTS.values() for mimetype in output.encoders))


def file_suffix(output: str) -> str:
    """Return the suffix, without a leading dot, of a file that holds the `output` of a photo."""
    return f"{output}.{next(iter(OUTPUTS[output].suffixes))}"
