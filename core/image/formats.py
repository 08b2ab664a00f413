"""The file formats: which are served, and which variants are rejected because Pillow decodes them wrongly."""

import io
import re
from contextlib import suppress

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core.errors import InvalidImage, UnsupportedImage

# The formats that are decoded. Importing a plugin registers it with Image.open().
FORMATS = [
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        AvifImagePlugin.AvifImageFile,
        PpmImagePlugin.PpmImageFile,
    )
]
FORMAT_LIST = f"{', '.join(FORMATS[:-1])} or 8-bit {FORMATS[-1]}"

# The beginning of a PNM file: white space or comments before each number, of which the first two are width and height.
NUMBER = rb"(?:\s|#[^\r\n]*+)++\d++"
# The beginning of a BMP file, up to the kind of compression at byte 30.
BMP = rb"BM.{12}[\x28-\x7c]\0\0\0.{12}"
# Kinds of files that are not served: their name, and how they begin. Pillow could decode some of the last ones, but
# wrongly, or slowly, in Python.
UNSERVED = {
    name: re.compile(beginning, re.DOTALL)
    for name, beginning in {
        "HEIC images": rb"\0\0..ftyp(?!.{0,60}avi[fs])(?:hei|hev|mif1|msf1)",
        "camera raw files": rb"\0\0..ftypcrx|II\*\0\x10\0\0\0CR|II(?:R[OS]\x08|U\0)|MMOR\0|FUJIFILMCCD",
        "videos": rb"\0\0..ftyp(?!.{0,60}avi[fs])",
        "JPEG XL images": rb"\xff\x0a|\0\0\0\x0cJXL ",
        "JPEG 2000 images": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ",
        "PSD images": rb"8BPS\0",
        "ICO images": rb"\0\0\x01\0[^\0]\0",
        "CUR images": rb"\0\0\x02\0[^\0]\0",
        "SVG images": rb"(?:\xef\xbb\xbf)?\s*+<(?:svg|\?xml)",
        "PDF files": rb"%PDF",
        "EPS files": rb"%!PS",
        "ICNS images": rb"icns\0",
        "DDS images": rb"DDS \x7c\0\0\0",
        "OpenEXR images": rb"v/1\x01",
        "QOI images": rb"qoif",
        "SGI images": rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]",
        "PCX images": rb"\x0a[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]",
        # TGA has no magic number. These are the fields of its header with few values, without and with a palette.
        "TGA images": rb".\0[\x02\x03\x0a\x0b]\0{5}.{8}[\x01\x08\x0f\x10\x18\x20][\0-\x3f]"
        rb"|.\x01[\x01\x09].{4}[\x0f\x10\x18\x20].{8}[\x08\x10][\0-\x3f]",
        "PBM images": rb"P[14]" + NUMBER * 2,
        "text PGM images": rb"P2" + NUMBER * 2,
        "text PPM images": rb"P3" + NUMBER * 2,
        "PFM images": rb"P[Ff]" + NUMBER * 2,
        "PAM images": rb"P7\n",
        "private PNM images": rb"P(?:0CMYK|yP|yRGBA|yCMYK)\s",
        "PGM and PPM images with a maximum other than 255": rb"P[56]" + NUMBER * 3 + rb"(?<!\D255)",
        "big-endian BigTIFF images": rb"MM\0\+",
        "BMP images with run lengths": BMP + rb"[\x01\x02]\0\0\0",
        "BMP images with a JPEG or PNG inside": BMP + rb"[\x04\x05]\0\0\0",
        "BMP images of OS/2": rb"BM.{12}[\x10-\x27\x40]\0\0\0",
        "BMP images of 16 bits with alpha": rb"BM.{12}[\x38-\x7c]\0\0\0.{10}\x10\0\x03\0\0\0.{32}(?!\0{4})",
    }.items()
}

# Tags of TIFF 6.0.
SUBFILE_TYPE, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = (
    254,
    258,
    259,
    262,
    284,
    338,
    339,
)
SAMPLE_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floats", 4: "unsigned integers"}
UNSIGNED = 1
SEPARATE = 2  # a planar configuration
STRAIGHT = 2  # alpha as an extra sample, not multiplied with the colours
RGB_OR_GREY = "save as 8- or 16-bit RGB or grey"
# Pillow's modes of TIFF that are not served: 32-bit integers and floats have no agreed white level, and Pillow does not
# convert LAB.
UNSERVED_MODES = {"I", "F", "LAB"}
# None, CCITT, LZW, JPEG, Deflate, PackBits, LZMA and Zstandard.
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}
Tags = TiffImagePlugin.ImageFileDirectory_v2
# Pages of a TIFF that are searched for one that is no reduced image.
MAX_PAGES = 16
REDUCED = 1  # a bit of the subfile type

# The transfer function in a box `colr` of an AVIF, and its codes (ITU-T H.273, table 3).
NCLX = re.compile(rb"colrnclx..(..)", re.DOTALL)
UNSPECIFIED, HDR_TRANSFERS = 2, {16: "PQ", 18: "HLG"}


def check_format(data: bytes) -> None:
    """Raise UnsupportedImage if the file `data` is of a kind in UNSERVED."""
    for name, beginning in UNSERVED.items():
        if beginning.match(data):
            raise UnsupportedImage(f"{name} are not served; send {FORMAT_LIST}")


def rejection(data: bytes, error: Exception) -> UnsupportedImage | InvalidImage:
    """Return the error for the file `data`, which Pillow can't open as one of FORMATS because of `error`."""
    if isinstance(error, RuntimeError):  # libavif does not decode a feature; for wrong boxes it raises SyntaxError
        return UnsupportedImage("this AVIF is damaged, or has a feature that is not decoded; save it as JPEG or PNG")
    if re.match(BMP + rb".{24}", data, re.DOTALL):
        return UnsupportedImage("this BMP is damaged, or of a kind that is not served; save with 24 bits per pixel")
    with suppress(Exception):  # it is no TIFF, or its tags are damaged
        tags = _first_tags(data)
        if BITS_PER_SAMPLE in tags:
            return UnsupportedImage(
                f"this TIFF is damaged, or its pixels are not served: {_pixels(tags)}; {RGB_OR_GREY}"
            )
    return InvalidImage(f"the file is not an image, or its beginning is damaged; send {FORMAT_LIST}")


def select_page(image: Image.Image) -> None:
    """Seek to the first page of a TIFF `image` that is not a thumbnail, if it has one."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    for page in range(MAX_PAGES):
        with suppress(EOFError):
            image.seek(page)
        if not image.tag_v2.get(SUBFILE_TYPE, 0) & REDUCED:
            return
    image.seek(0)


def check_pixels(image: Image.Image, data: bytes) -> None:
    """Raise UnsupportedImage if the pixels of the opened `image`, of the file `data`, would not be decoded rightly."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if (
            image.mode in UNSERVED_MODES
            or not _is_decoded(tags)
            or (tags.get(PLANAR) == SEPARATE and not _are_planes_right(image))
        ):
            raise UnsupportedImage(f"TIFF with {_pixels(tags)} is not served; {RGB_OR_GREY}")
    if image.format == "AVIF":
        transfers = {int.from_bytes(found) for found in NCLX.findall(data)} - {UNSPECIFIED}
        # A picture with a gain map has SDR colours, and HDR colours for displays that can show them.
        if transfers and transfers <= set(HDR_TRANSFERS):
            names = " and ".join(HDR_TRANSFERS[transfer] for transfer in sorted(transfers))
            raise UnsupportedImage(f"AVIF with HDR colours ({names}) is not served; save it with sRGB colours")


def _is_decoded(tags: Tags) -> bool:
    """Return whether Pillow decodes the sample format and the compression in the `tags` of a TIFF."""
    return set(tags.get(SAMPLE_FORMAT, (UNSIGNED,))) == {UNSIGNED} and tags.get(COMPRESSION, 1) in COMPRESSIONS


def _are_planes_right(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether Pillow decodes the separate planes of `image` rightly; tests/core/image/test_oracle.py has all."""
    tags = image.tag_v2
    bits, is_compressed = tags.get(BITS_PER_SAMPLE, (1,)), tags.get(COMPRESSION, 1) != 1
    if len(bits) == 1:
        return is_compressed or (bits == (8,) and image.mode == "L" and tags.get(PHOTOMETRIC) == 1)
    if image.mode in ("RGB", "CMYK"):
        return set(bits) == {8}
    return image.mode == "RGBA" and set(bits) == {8} and (is_compressed or tags.get(EXTRA_SAMPLES) == (STRAIGHT,))


def _pixels(tags: Tags) -> str:
    """Return a description of the pixels of a TIFF with these `tags`."""
    bits = "/".join(str(bits) for bits in sorted(set(tags.get(BITS_PER_SAMPLE, (1,)))))
    kinds = {SAMPLE_FORMATS.get(kind, f"type {kind}") for kind in tags.get(SAMPLE_FORMAT, (1,))}
    planar = " in separate planes" if tags.get(PLANAR) == SEPARATE else ""
    return (
        f"{bits}-bit {' and '.join(sorted(kinds))}{planar}, photometric interpretation {tags.get(PHOTOMETRIC)} "
        f"and compression {tags.get(COMPRESSION, 1)}"
    )


def _first_tags(data: bytes) -> Tags:
    """Return the tags of the first page of the TIFF file `data`; Pillow forgets those of a file that it can't open."""
    file = io.BytesIO(data)
    tags = Tags(file.read(16 if data[2:4] == b"+\0" else 8))
    file.seek(tags.next)
    tags.load(file)
    return tags
