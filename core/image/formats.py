"""The file formats: which are served, and which variants are rejected because Pillow decodes them wrongly."""

import re

from PIL import Image

from core.errors import InvalidImage, UnsupportedImage
from core.image import tiff
from core.image.signature import BMP, SERVED, TEXT, UNSERVED

# The formats that are decoded, by Pillow's names.
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"]
_NAMES = ["8-bit PPM" if name == "PPM" else name for name in FORMATS]
FORMAT_LIST = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"
Image.init()  # without it, Image.open() does not know all of them


def check_format(data: bytes) -> None:
    """Raise UnsupportedImage if the file `data` is of a kind in UNSERVED, or a text."""
    if not SERVED.match(data) and (error := _unserved(data)):
        raise error


def rejection(data: bytes, error: Exception) -> UnsupportedImage | InvalidImage:
    """Return the error for the file `data`, which Pillow can't open as one of FORMATS because of `error`."""
    if isinstance(error, RuntimeError):  # libavif does not decode a feature; for wrong boxes it raises SyntaxError
        return UnsupportedImage("this AVIF is damaged, or has a feature that is not decoded; save it as JPEG or PNG")
    if re.match(BMP + rb".{24}", data, re.DOTALL):
        return UnsupportedImage("this BMP is damaged, or of a kind that is not served; save with 24 bits per pixel")
    if reason := tiff.rejection(data):
        return UnsupportedImage(reason)
    # A DICOM file may begin like a TIFF.
    return _unserved(data) or InvalidImage(f"the file is not an image, or its beginning is damaged; send {FORMAT_LIST}")


def _unserved(data: bytes) -> UnsupportedImage | None:
    """Return the error for the file `data` if it is of a kind in UNSERVED, or a text."""
    kinds = [*UNSERVED.items(), ("texts (HTML, JSON, base64, ...)", TEXT)]
    names = (name for name, beginning in kinds if beginning.match(data))
    return next((UnsupportedImage(f"{name} are not served; send {FORMAT_LIST}") for name in names), None)
