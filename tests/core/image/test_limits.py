"""Hostile files of every served format: refused, or read as the picture they are, soon and in little memory."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageTooLarge, InvalidImage, SegmenterError
from core.image.decode import read_image
from core.image.limits import MAX_EXIF_SEGMENTS, MAX_READS, MAX_SCANS, CountedFile, scans
from tests.support.images import encode, gif, png, tiff, tiled
from tests.support.processes import memory_megabytes

MAX_PIXELS = 1_000_000
MAX_SECONDS, MAX_MEGABYTES = 5.0, 64.0

SQUARE = Image.new("RGB", (64, 64), "red")
JPEG, WEBP, AVIF, BMP = (encode(SQUARE, format_) for format_ in ("JPEG", "WEBP", "AVIF", "BMP"))
ROWS = (b"IDAT", zlib.compress(bytes(64 * 65)))
FRAMES = [Image.new("L", (8, 8), value) for value in (0, 255)]


def patched(data: bytes, after: bytes, skip: int, new: bytes) -> bytes:
    """`data` with `new` in the place of what stands `skip` bytes behind the first `after`."""
    at = data.index(after) + len(after) + skip
    return data[:at] + new + data[at + len(new) :]


def jpeg(*segments: bytes) -> bytes:
    """A JPEG with `segments` at its beginning."""
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    """An EXIF block of the directory of `entries`: tag, type, count, value; the next directory is the same again."""
    packed = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + packed + struct.pack(">I", 8)


def riff(content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webp_of_many_frames() -> bytes:
    data = encode(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:])
    first = data.index(b"ANMF")
    frame = data[first : first + 8 + struct.unpack_from("<I", data, first + 4)[0]]
    return riff(data[8:first] + frame * 200_000)


def gif_of_many_frames() -> bytes:
    data = encode(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])
    first = data.index(b"!\xf9")
    return data[:first] + data[first:-1] * 200_000 + b";"


def lying_avif() -> bytes:
    large = encode(Image.new("L", (2000, 1000)), "AVIF", speed=10)
    return patched(large, b"ispe", 4, struct.pack(">II", 64, 64))


def bmp_runs(width: int, height: int, runs: bytes) -> bytes:
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 62)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 2, 0) + bytes(8) + runs + b"\0\1"


NOISE = np.random.default_rng(6).bytes(3000)
TEXT_BOMB = zlib.compress(bytes(100_000_000))
START_OF_SCAN = JPEG[JPEG.index(b"\xff\xda") : JPEG.index(b"\xff\xda") + 14]

TOO_LARGE, REFUSED = ImageTooLarge, InvalidImage

# How the file is made, and what must come of it: an error, or None for a picture.
FILES: dict[str, tuple[Callable[[], bytes], type[SegmenterError] | None]] = {
    "PNG of 144 megapixels in a few KB": (lambda: png(12_000, 12_000, (b"IDAT", TEXT_BOMB[:9000])), TOO_LARGE),
    "PNG, largest": (lambda: png(2**31 - 1, 2**31 - 1, ROWS), TOO_LARGE),
    "PNG with a text bomb": (lambda: png(64, 64, (b"zTXt", b"a\0\0" + TEXT_BOMB), ROWS), REFUSED),
    "PNG with 100 text bombs": (
        lambda: png(64, 64, *[(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**6)))] * 100, ROWS),
        REFUSED,
    ),
    "PNG with a profile bomb": (lambda: png(64, 64, (b"iCCP", b"a\0\0" + TEXT_BOMB), ROWS), REFUSED),
    "PNG with a profile of noise": (lambda: encode(SQUARE, "PNG", icc_profile=NOISE), None),
    "PNG of 2 million chunks": (lambda: png(64, 64, *[(b"aaAa", b"")] * 2_000_000, ROWS), REFUSED),
    "PNG of 2 million pieces of data": (lambda: png(64, 64, *[(b"IDAT", b"")] * 2_000_000, ROWS), REFUSED),
    "PNG with EXIF that goes in circles": (lambda: png(64, 64, (b"eXIf", exif((0x8769, 4, 1, 8))), ROWS), None),
    "PNG with EXIF of 4 billion values": (lambda: png(64, 64, (b"eXIf", exif((274, 3, 2**32 - 1, 8))), ROWS), None),
    "PNG with EXIF of 60,000 long tags": (
        lambda: png(64, 64, (b"eXIf", exif(*[(tag, 3, 200_000, 8) for tag in range(60_000)])), ROWS),
        None,
    ),
    "APNG of 2^31 frames": (lambda: png(64, 64, (b"acTL", struct.pack(">II", 2**31 - 1, 0)), ROWS), None),
    "JPEG of 4.3 gigapixels": (lambda: patched(JPEG, b"\xff\xc0", 3, struct.pack(">HH", 65500, 65500)), TOO_LARGE),
    "JPEG of 7 million comments": (lambda: jpeg(segment(0xFE, b"") * 7_000_000), REFUSED),
    "JPEG of 30 million fill bytes": (lambda: jpeg(b"\xff" * 30_000_000), REFUSED),
    "JPEG of 30 MB of EXIF": (lambda: jpeg(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 480), REFUSED),
    "JPEG with EXIF that goes in circles": (
        lambda: jpeg(segment(0xE1, b"Exif\0\0" + exif((0x8769, 4, 1, 8), (0x8825, 4, 1, 8)))),
        None,
    ),
    "JPEG of 30 MB of profiles": (
        lambda: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 480),
        None,
    ),
    "JPEG with a profile of noise": (lambda: encode(SQUARE, "JPEG", icc_profile=NOISE), None),
    "JPEG of 2,000 scans": (lambda: JPEG[:-2] + START_OF_SCAN * 2000 + JPEG[-2:], REFUSED),
    "GIF whose frame is 4.3 gigapixels": (lambda: gif(0, 0, 65_535, 65_535), TOO_LARGE),
    "GIF whose frame is far outside": (lambda: gif(65_000, 65_000, 16, 16), TOO_LARGE),
    "GIF whose frame is to be cleared": (lambda: gif(0, 0, 40_000, 30_000, b"!\xf9\4\x08\0\0\0\0"), TOO_LARGE),
    "GIF whose frame is to be restored": (lambda: gif(0, 0, 40_000, 30_000, b"!\xf9\4\x0d\0\0\0\0"), TOO_LARGE),
    "GIF of 200,000 frames": (gif_of_many_frames, None),
    "GIF of 5 million extensions": (lambda: gif(0, 0, 1, 1, b"!\xfe\1a\0" * 5_000_000), REFUSED),
    "GIF of 10 million pieces of comment": (lambda: gif(0, 0, 1, 1, b"!\xfe" + b"\1a" * 10_000_000), REFUSED),
    "WEBP whose data is of 268 megapixels": (
        lambda: patched(WEBP, b"\x9d\x01\x2a", 0, struct.pack("<HH", 16_383, 16_383)),
        TOO_LARGE,
    ),
    "WEBP whose header is of 268 megapixels": (
        lambda: patched(encode(Image.new("RGBA", (64, 64)), "WEBP"), b"VP8X", 8, b"\xfe\x3f\0" * 2),
        TOO_LARGE,
    ),
    "WEBP of 200,000 frames": (webp_of_many_frames, None),
    "AVIF of 2^62 pixels": (lambda: patched(AVIF, b"ispe", 4, struct.pack(">II", 2**31 - 1, 2**31 - 1)), REFUSED),
    "AVIF of 225 megapixels": (lambda: patched(AVIF, b"ispe", 4, struct.pack(">II", 15_000, 15_000)), TOO_LARGE),
    "AVIF whose data is larger than its header says": (lying_avif, TOO_LARGE),
    "BMP, largest": (lambda: patched(BMP, b"BM", 16, struct.pack("<ii", 2**31 - 1, 2**31 - 1)), TOO_LARGE),
    "BMP, largest, upside down": (lambda: patched(BMP, b"BM", 16, struct.pack("<ii", 64, -(2**31))), TOO_LARGE),
    "BMP of a run for each pixel": (lambda: bmp_runs(1000, 1000, b"\1\0" * 10**6), REFUSED),
    "BMP of steps over all pixels": (lambda: bmp_runs(1000, 1000, b"\0\2\xff\xff" * 20_000), None),
    "TIFF of 2^64 pixels": (lambda: tiff(t256=(4, 1, 2**32 - 1), t257=(4, 1, 2**32 - 1)), TOO_LARGE),
    "TIFF whose directories go in circles": (tiff, None),
    "TIFF with EXIF that goes in circles": (lambda: tiff(t34665=(4, 1, 8)), None),
    "TIFF of 4 billion strips": (lambda: tiff(t273=(4, 2**32 - 1, 1000), t279=(4, 2**32 - 1, 1000)), REFUSED),
    "TIFF with strips of no rows": (lambda: tiff(t278=(4, 1, 0)), REFUSED),
    "TIFF with strips of 4 billion rows": (lambda: tiff(t259=(3, 1, 8), t278=(4, 1, 2**32 - 1)), REFUSED),
    "TIFF of 65,535 samples": (lambda: tiff(t277=(3, 1, 65_535)), REFUSED),
    "TIFF with a text of 2 GB": (lambda: tiff(t270=(2, 2**31 - 1, 1000)), None),
    "TIFF of large tiles": (lambda: tiled((4, 1, 65_520), (4, 1, 65_520)), TOO_LARGE),
    "TIFF of tiles of 0 pixels": (lambda: tiled((4, 1, 0), (4, 1, 0)), REFUSED),
    "TIFF of tiles measured in text": (lambda: tiled((2, 4, b"abc\0"), (4, 1, 16)), REFUSED),
    "TIFF of tiles measured in fractions": (lambda: tiled((5, 1, 0), (5, 1, 0)), REFUSED),
    "TIFF of tiles of two widths": (lambda: tiled((3, 2, 0x00100010), (4, 1, 16)), None),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged metadata
@pytest.mark.parametrize("name", FILES)
def test_hostile_files_cost_little(name: str) -> None:
    make, expected = FILES[name]
    data = make()
    before, began = memory_megabytes(os.getpid(), "VmRSS"), process_time()
    Path("/proc/self/clear_refs").write_text("5")  # begins a new VmHWM
    raised: type[Exception] | None = None
    try:
        image = read_image(data, MAX_PIXELS, enough=513).image
        assert image.mode == "RGB"
        assert image.width * image.height <= MAX_PIXELS
    except SegmenterError as error:
        raised = type(error)
    assert process_time() - began < MAX_SECONDS
    assert memory_megabytes(os.getpid(), "VmHWM") - before < MAX_MEGABYTES
    assert raised is expected


def test_a_file_can_be_read_so_often_and_not_oftener() -> None:
    file = CountedFile(bytes(MAX_READS + 1))
    for _ in range(MAX_READS):
        assert file.read(1) == b"\0"
    with pytest.raises(InvalidImage, match="more than 100,000 pieces"):
        file.read(1)


def test_scans_are_counted_and_what_looks_like_one_in_a_segment_is_not() -> None:
    progressive = encode(SQUARE, "JPEG", progressive=True)
    assert scans(JPEG) == 1
    assert 5 < scans(progressive) < 15
    comment = segment(0xFE, b"\xff\xda" * 2 * MAX_SCANS)
    assert scans(jpeg(comment)) == 1
    assert read_image(jpeg(comment), MAX_PIXELS).size == (64, 64)


def test_exif_in_as_many_segments_as_are_allowed_is_read() -> None:
    data = jpeg(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * MAX_EXIF_SEGMENTS)
    assert read_image(data, MAX_PIXELS).size == (64, 64)


def test_the_limit_of_pixels_is_each_calls_own() -> None:
    data = encode(Image.new("L", (100, 100)))
    with pytest.raises(ImageTooLarge):
        read_image(data, 9_999)
    assert read_image(data, 10_000).size == (100, 100)
    # And no one else's: Pillow elsewhere in the process keeps no limit of it.
    assert Image.new("L", (101, 100)).crop((0, 0, 101, 100)).size == (101, 100)
