"""The file formats: which are served, and what of them is not decoded rightly and therefore rejected."""

import io
import re
from contextlib import suppress

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    CurImagePlugin,
    DdsImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    TgaImagePlugin,
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
        QoiImagePlugin.QoiImageFile,
        SgiImagePlugin.SgiImageFile,
        PcxImagePlugin.PcxImageFile,
        TgaImagePlugin.TgaImageFile,  # last, because its files begin with nothing that only they have
    )
]
FORMAT_LIST = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"

# Formats that are only recognized, so that their error has their name: by their plugins, or by their first bytes.
RECOGNIZED = {
    plugin.format: name
    for plugin, name in (
        (CurImagePlugin.CurImageFile, "CUR"),
        (DdsImagePlugin.DdsImageFile, "DDS"),
    )
}
FIRST_BYTES = {
    "HEIC": tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1")),
    "JPEG XL": (b"\xff\x0a", b"JXL "),
    "JPEG 2000": (b"\xff\x4f\xff\x51", b"jP  "),
    "PSD": (b"8BPS",),
    "ICO": (b"\x00\x00\x01\x00",),
    "SVG": (b"<svg", b"<?xml"),
    "PDF": (b"%PDF",),
    "EPS": (b"%!PS",),
    "ICNS": (b"icns",),
    "PAM": (b"P7\n",),
    "OpenEXR": (b"v/1\x01",),
}

# Pillow modes with a defined conversion to 8-bit RGB. 32-bit integers and floats have no agreed white level, and Pillow
# does not convert LAB.
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "I;16", "I;16L", "I;16B"}

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
TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SAMPLE_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floats", 4: "unsigned integers"}
UNSIGNED = 1
SEPARATE = 2  # a planar configuration
STRAIGHT = 2  # alpha as an extra sample, not multiplied with the colours
# None, CCITT, LZW, JPEG, Deflate, PackBits, LZMA and Zstandard.
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}
# Photometric interpretation and bits per sample of the files that Pillow opens, unless they are damaged.
PLAIN = {
    *((kind, (bits,)) for kind in (0, 1) for bits in (1, 2, 4, 8)),
    *((3, (bits,)) for bits in (1, 2, 4, 8)),
    *((kind, (bits,) * 4) for kind in (2, 5) for bits in (8, 16)),
    *((2, (bits,) * 3) for bits in (8, 16)),
    (1, (16,)),
    (1, (8, 8)),
    (6, (8, 8, 8)),
}
Tags = TiffImagePlugin.ImageFileDirectory_v2
# Pages of a TIFF that are searched for one that is no reduced image.
MAX_PAGES = 16
REDUCED = 1  # a bit of the subfile type

# The transfer function in a box `colr` of an AVIF, and its codes (ITU-T H.273, table 3).
NCLX = re.compile(rb"colrnclx..(..)", re.DOTALL)
UNSPECIFIED, HDR_TRANSFERS = 2, {16: "PQ", 18: "HLG"}


def rejection(data: bytes) -> UnsupportedImage | InvalidImage:
    """Return the error for a file that Pillow can't open as one of FORMATS, which tells what it is."""
    if data.startswith(TIFF_MAGICS):
        with suppress(Exception):
            tags = _first_tags(data)
            is_plain = (tags.get(PHOTOMETRIC), tags.get(BITS_PER_SAMPLE)) in PLAIN and tags.get(PLANAR) != SEPARATE
            if not is_plain or not _is_decoded(tags):
                return _unsupported_tiff(tags)
    elif data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis") and _has_whole_boxes(data):
        return UnsupportedImage("this AVIF is damaged, or has a feature that is not decoded; save it as JPEG or PNG")
    elif name := _recognized(data):
        return UnsupportedImage(f"{name} images are not served; send {FORMAT_LIST}")
    return InvalidImage(f"the file is not an image, or its beginning is damaged; send {FORMAT_LIST}")


def _recognized(data: bytes) -> str:
    """Return the name of the unserved format of the file `data`; empty if it has none that is known."""
    for name, magics in FIRST_BYTES.items():
        if any(data.startswith(magic, start) for magic in magics for start in (0, 4)):
            return name
    with suppress(Exception):
        return RECOGNIZED[Image.open(io.BytesIO(data), formats=list(RECOGNIZED)).format or ""]
    return ""


def select_page(image: Image.Image) -> None:
    """Let the TIFF `image` be its first page that is no reduced image of another page, if it has one."""
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
            image.mode not in MODES
            or not _is_decoded(tags)
            or (tags.get(PLANAR) == SEPARATE and not _are_planes_right(image))
        ):
            raise _unsupported_tiff(tags)
    elif image.mode not in MODES and (image.format, image.mode) != ("PPM", "I"):
        raise UnsupportedImage(f"pixels of type {image.mode} are not served; save as 8- or 16-bit RGB or grey")
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
    return (
        image.mode in ("RGBA", "RGBX")
        and set(bits) == {8}
        and (is_compressed or tags.get(EXTRA_SAMPLES) == (STRAIGHT,))
    )


def _unsupported_tiff(tags: Tags) -> UnsupportedImage:
    """Return the error for a TIFF whose `tags` tell a kind of pixels that is not served."""
    bits = "/".join(str(bits) for bits in sorted(set(tags.get(BITS_PER_SAMPLE, (1,)))))
    kinds = {SAMPLE_FORMATS.get(kind, f"type {kind}") for kind in tags.get(SAMPLE_FORMAT, (1,))}
    planar = " in separate planes" if tags.get(PLANAR) == SEPARATE else ""
    return UnsupportedImage(
        f"TIFF with {bits}-bit {' and '.join(sorted(kinds))}{planar}, photometric interpretation "
        f"{tags.get(PHOTOMETRIC)} and compression {tags.get(COMPRESSION, 1)} is not served; "
        "save as 8- or 16-bit RGB or grey"
    )


def _first_tags(data: bytes) -> Tags:
    """Return the tags of the first page of the TIFF file `data`."""
    file = io.BytesIO(data)
    header = file.read(16 if data[2:4] in (b"+\0", b"\0+") else 8)
    tags = Tags(header)
    file.seek(tags.next)
    tags.load(file)
    if BITS_PER_SAMPLE not in tags:
        raise ValueError("a damaged file")
    return tags


def _has_whole_boxes(data: bytes) -> bool:
    """Return whether the boxes of the ISO base media file `data` end where the file ends."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4])
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16])
        position = position + max(size, 8) if size else len(data)
    return position == len(data)
