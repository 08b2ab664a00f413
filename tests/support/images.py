"""Image files: good ones by Pillow, and PNG, GIF and TIFF files written byte by byte."""

import base64
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

# Type, count and value of a TIFF tag; a value of 4 bytes is written as it is.
Tag = tuple[int, int, int | bytes]


def encode(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    """Return `image` as a file; `options` are those of Image.save()."""
    file = BytesIO()
    # A copy, because Pillow leaves settings of the format in an image that it has saved.
    image.copy().save(file, format_, **options)
    return file.getvalue()


def png(
    width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 0, interlace: int = 0
) -> bytes:
    """Return a PNG with `chunks`, type and content, between IHDR and IEND."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (header, *chunks, (b"IEND", b""))
    )


def gif(x: int, y: int, width: int, height: int, before: bytes = b"") -> bytes:
    """Return a GIF whose header says 1 x 1 pixel, with a frame of another position and size; `before` precedes it."""
    frame = struct.pack("<BHHHHB", 0x2C, x, y, width, height, 0) + b"\2\2\x44\1\0;"
    return b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + before + frame


def tiff(**changes: Tag | None) -> bytes:
    """Return a grey TIFF of 64 x 64 pixels; `t259=(3, 1, 8)` replaces tag 259, and `t259=None` removes it."""
    tags: dict[int, Tag | None] = {
        256: (4, 1, 64),  # width
        257: (4, 1, 64),  # length
        258: (3, 1, 8),  # bits per sample
        259: (3, 1, 1),  # compression: none
        262: (3, 1, 1),  # photometric interpretation: black is zero
        273: (4, 1, 1000),  # strip offset
        277: (3, 1, 1),  # samples per pixel
        278: (4, 1, 64),  # rows per strip
        279: (4, 1, 64 * 64),  # strip byte count
    }
    tags |= {int(name[1:]): change for name, change in changes.items()}
    entries = [
        struct.pack("<HHI", tag, entry[0], entry[1])
        + (entry[2] if isinstance(entry[2], bytes) else struct.pack("<I", entry[2]))
        for tag, entry in sorted(tags.items())
        if entry
    ]
    # The offset of the next directory is that of this one.
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 8)
    return (b"II*\0\x08\0\0\0" + directory).ljust(1000, b"\0") + bytes(400_000)


def tiled(width: Tag, length: Tag) -> bytes:
    """Return a TIFF with tiles instead of strips; `width` and `length` are the tags of the tile size."""
    return tiff(t273=None, t278=None, t279=None, t322=width, t323=length, t324=(4, 1, 1000), t325=(4, 1, 4096))


def base64_of(data: bytes) -> str:
    """Return `data` in base64."""
    return base64.b64encode(data).decode()
