"""The file formats: which are served, and which variants are rejected because Pillow decodes them wrongly."""

import re

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import InvalidImage, UnsupportedImage
from core.image import tiff
from core.image.signature import BMP, SERVED, UNSERVED

# The formats that are decoded, by Pillow's names.
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"]
FORMAT_LIST = f"{', '.join(FORMATS[:-1])} or 8-bit {FORMATS[-1]}"
Image.init()  # without it, Image.open() does not know all of them

# The transfer function in a box `colr` of an AVIF, and its codes (ITU-T H.273, table 3).
NCLX = re.compile(rb"colrnclx..(..)", re.DOTALL)
UNSPECIFIED, HDR_TRANSFERS = 2, {16: "PQ", 18: "HLG"}


def check_format(data: bytes) -> None:
    """Raise UnsupportedImage if the file `data` is of a kind in UNSERVED."""
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


def check_pixels(image: Image.Image, data: bytes) -> None:
    """Raise UnsupportedImage if the pixels of the opened `image`, of the file `data`, would not be decoded rightly."""
    if isinstance(image, TiffImageFile):
        tiff.check_pixels(image)
    if image.format == "AVIF":
        transfers = {int.from_bytes(found) for found in NCLX.findall(data)} - {UNSPECIFIED}
        # A picture with a gain map has SDR colours, and HDR colours for displays that can show them.
        if transfers and transfers <= set(HDR_TRANSFERS):
            names = " and ".join(HDR_TRANSFERS[transfer] for transfer in sorted(transfers))
            raise UnsupportedImage(f"AVIF with HDR colours ({names}) is not served; save it with sRGB colours")


def _unserved(data: bytes) -> UnsupportedImage | None:
    """Return the error for the file `data` if it is of a kind in UNSERVED."""
    names = (name for name, beginning in UNSERVED.items() if beginning.match(data))
    return next((UnsupportedImage(f"{name} are not served; send {FORMAT_LIST}") for name in names), None)
