"""Files whose metadata is damaged, and whose pixels are whole: some of each container."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.support.avif import with_property
from tests.support.images import encode, png
from tests.support.tiff import RGB, SHORT, tiff_file

NOISE = b"\xff\0\x80noise" * 9
PROFILE = b"\0\0\x02\x0c    \4\0\0\0mntrRGB XYZ "  # the beginning of an ICC profile
# Tags that pixels do not need: description, maker, resolution, software, date, XMP, IPTC, Photoshop, ICC, EXIF, GPS.
METADATA_TAGS = (270, 271, 282, 305, 306, 700, 33723, 34377, 34675, 34665, 34853)
# Type, count and value or position of a tag: outside of the file, more than the file has, none, and of no type.
WRONG_ENTRIES = {"outside": (7, 99, 2**31), "too long": (2, 2**31, 8), "empty": (2, 0, 0), "of no type": (99, 4, 8)}
LONG_TEXT = 5_000_000  # bytes, packed into a few


def orientation(kind: int = 3, value: int = 6) -> bytes:
    """Return EXIF, without its name, that tells an orientation of this `kind` of integer: BYTE 1, SHORT 3, LONG 4."""
    return b"II*\0\x08\0\0\0\1\0" + orientation_entry(kind, value) + bytes(4)


def orientation_entry(kind: int, value: int) -> bytes:
    """Return the entry of an orientation in a little-endian directory."""
    form = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
    return struct.pack("<HHI", 274, kind, 1) + struct.pack("<" + form, value).ljust(4, b"\0")


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def damaged_jpegs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files."""
    whole = encode(photo, "JPEG", quality=95, subsampling=0)
    damages = {
        "length 0": b"\xff\xed\0\0",
        "bytes between segments": b"\0 between\xff\0segments",
        "short JFIF": segment(0xE0, b"JFIF\0"),
        "short Adobe": segment(0xEE, b"Adobe\1"),
        "profile without number": segment(0xE2, b"ICC_PROFILE\0"),
        "profile of noise": segment(0xE2, b"ICC_PROFILE\0\1\1" + NOISE),
        "cut profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE),
        "first part of a profile": segment(0xE2, b"ICC_PROFILE\0\1\3" + PROFILE),
        "EXIF of noise": segment(0xE1, b"Exif\0\0" + NOISE),
        "cut EXIF": segment(0xE1, b"Exif\0\0" + orientation()[:15]),
        "other pictures": segment(0xE2, b"MPF\0" + NOISE),
        "Photoshop": segment(0xED, b"Photoshop 3.0\0" + NOISE),
    }
    for name, damage in damages.items():
        yield f"JPEG damaged: {name}", whole[:2] + damage + whole[2:]


def damaged_pngs(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    """Yield names and files of RGB `pixels`."""
    height, width, _ = pixels.shape
    rows = (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels)))
    chunks = {
        "profile without content": (b"iCCP", b"name\0"),
        "profile of noise": (b"iCCP", b"name\0\0" + zlib.compress(NOISE)),
        "profile that is not packed": (b"iCCP", b"name\0\0" + NOISE),
        "profile of 20 MB": (b"iCCP", b"name\0\0" + zlib.compress(bytes(20_000_000))),
        "short transparency": (b"tRNS", b"\0"),
        "short gamma": (b"gAMA", b"\0"),
        "short chromaticities": (b"cHRM", bytes(8)),
        "short code points": (b"cICP", b"\1"),
        "EXIF of noise": (b"eXIf", NOISE),
        "long text": (b"zTXt", b"a\0\0" + zlib.compress(bytes(LONG_TEXT))),
        "animation": (b"acTL", b"\0"),
        "unknown chunk": (b"zzZz", NOISE),
    }
    for name, chunk in chunks.items():
        yield f"PNG damaged: {name}", png(width, height, chunk, rows, colour=2)
    for chunk_name in (b"eXIf", b"tEXt", b"gAMA"):
        data = png(width, height, (chunk_name, bytes(8)), rows, colour=2)
        at = data.index(chunk_name) + 5
        yield f"PNG damaged: checksum of {chunk_name.decode()}", data[:at] + b"\x55" + data[at + 1 :]


def damaged_webps(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files."""
    picture = encode(photo, "WEBP", lossless=True)[12:]
    size = struct.pack("<I", photo.width - 1)[:3] + struct.pack("<I", photo.height - 1)[:3]
    parts: dict[str, tuple[int, bytes, bytes]] = {
        "profile of noise": (0x20, _chunk(b"ICCP", NOISE), b""),
        "no profile": (0x20, b"", b""),
        "EXIF of noise": (8, b"", _chunk(b"EXIF", NOISE)),
        "cut EXIF": (8, b"", _chunk(b"EXIF", orientation()[:15])),
        "XMP of noise": (4, b"", _chunk(b"XMP ", NOISE)),
        "unknown chunk": (0, _chunk(b"zzzz", NOISE), b""),
    }
    for name, (flags, before, after) in parts.items():
        chunks = b"WEBP" + _chunk(b"VP8X", struct.pack("<I", flags) + size) + before + picture + after
        yield f"WEBP damaged: {name}", b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a RIFF file, padded to even length."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def damaged_gifs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files; `photo` has a palette."""
    whole = encode(photo, "GIF", interlace=0)
    colours_end = 13 + 3 * (2 << (whole[10] & 7))
    extensions = {
        "empty application": b"!\xff\0",
        "short application": b"!\xff\3abc\0",
        "NETSCAPE of one byte": b"!\xff\x0bNETSCAPE2.0\1\1\0",
        "profile of noise": b"!\xff\x0bICCRGBG1012" + _blocks(NOISE),
        "XMP of noise": b"!\xff\x0bXMP DataXMP" + _blocks(NOISE),
        "comment of noise": b"!\xfe" + _blocks(NOISE),
        "empty comment": b"!\xfe\0",
        "plain text": b"!\x01" + _blocks(bytes(12)),
        "unknown extension": b"!\x77" + _blocks(NOISE),
        "short control": b"!\xf9\1\0\0",
    }
    for name, extension in extensions.items():
        yield f"GIF damaged: {name}", whole[:colours_end] + extension + whole[colours_end:]


def _blocks(content: bytes) -> bytes:
    """Return `content`, below 256 bytes, as the blocks of a GIF extension."""
    return bytes([len(content)]) + content + b"\0"


def damaged_tiffs(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    """Yield names and files of RGB `pixels`."""
    for tag in METADATA_TAGS:
        whole, entry = tiff_file(pixels, RGB, tags={tag: (1,)}), struct.pack("<HHII", tag, SHORT, 1, 1)
        assert entry in whole
        for name, wrong in WRONG_ENTRIES.items():
            yield f"TIFF damaged: tag {tag} {name}", whole.replace(entry, struct.pack("<HHII", tag, *wrong))


def damaged_avifs(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files."""
    options = {"quality": 95, "subsampling": "4:4:4"}
    plain = encode(photo, "AVIF", **options)
    with_exif = encode(photo, "AVIF", exif=b"Exif\0\0" + orientation(3, 1), **options)
    yield "AVIF damaged: EXIF of noise", with_exif.replace(b"II*\0\x08", NOISE[:5])
    yield "AVIF damaged: cut EXIF", with_exif.replace(b"\1\0\x12\1", b"\xff\xff\x12\1")
    yield "AVIF damaged: profile of noise", with_property(plain, b"colrprof" + NOISE)
    yield "AVIF damaged: empty aperture", with_property(plain, b"clap" + bytes(32))
    yield "AVIF damaged: unknown property", with_property(plain, b"zzzz" + NOISE, essential=False)
    yield "AVIF damaged: unknown box", plain + struct.pack(">I", 8 + len(NOISE)) + b"zzzz" + NOISE


def damaged_bmps(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files."""
    plain = encode(photo, "BMP")
    yield "BMP damaged: resolution", plain[:38] + b"\xff" * 8 + plain[46:]
    yield "BMP damaged: length of the file", plain[:2] + b"\xff" * 4 + plain[6:]
    yield "BMP damaged: length of the pixels", plain[:34] + b"\xff" * 4 + plain[38:]
    version_5 = (
        struct.pack("<I", 124) + plain[18:54] + bytes(16) + b"DEBM" + bytes(52) + struct.pack("<2I4x", 2**31, 2**31)
    )
    head = plain[:10] + struct.pack("<I", 14 + len(version_5)) + version_5
    yield "BMP damaged: profile outside of the file", head + plain[54:]


def damaged(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield names and files of the RGB `photo`; those that are named GIF have its nearest 256 colours."""
    pixels = np.asarray(photo)
    yield from damaged_jpegs(photo)
    yield from damaged_pngs(pixels)
    yield from damaged_webps(photo)
    yield from damaged_gifs(photo.quantize(256))
    yield from damaged_tiffs(pixels)
    yield from damaged_avifs(photo)
    yield from damaged_bmps(photo)
