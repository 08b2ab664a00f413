"""Hostile files of every format: a decoder process rejects or reads them within its limits of CPU time and memory."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from core.decoders.decoder_pool import DecoderPool
from core.decoders.decoder_program import BYTES_PER_PIXEL, MEMORY
from core.errors import ImageTooLarge, InvalidImage, SegmenterError, UnsupportedImage
from core.image.decode import read_image
from tests.support.images import encode, gif, png, tiff, tiled
from tests.support.paths import CHELSEA, ROOT
from tests.support.processes import memory_megabytes

MAX_PIXELS = 1_000_000
# A decoder process's memory after a file, in MB: its own, and that for an image.
MAX_MEGABYTES = 40 + (MEMORY + BYTES_PER_PIXEL * MAX_PIXELS) / 1e6
# The limit of CPU time for a small file is 3 seconds; the machine may be busy.
MAX_SECONDS = 60

SQUARE = Image.new("RGB", (64, 64), "red")
JPEG, WEBP, AVIF, BMP = (encode(SQUARE, format_) for format_ in ("JPEG", "WEBP", "AVIF", "BMP"))
ROWS = (b"IDAT", zlib.compress(bytes(64 * 65)))
FRAMES = [Image.new("L", (8, 8), value) for value in (0, 255)]
NOISE = np.random.default_rng(6).bytes(3000)
TEXT_BOMB = zlib.compress(bytes(100_000_000))
START_OF_SCAN = JPEG[JPEG.index(b"\xff\xda") : JPEG.index(b"\xff\xda") + 14]


def patched(data: bytes, after: bytes, skip: int, new: bytes) -> bytes:
    """Return `data` with `new` written over the bytes that begin `skip` bytes after the first `after`."""
    at = data.index(after) + len(after) + skip
    return data[:at] + new + data[at + len(new) :]


def jpeg(*segments: bytes) -> bytes:
    """Return a JPEG of 64 x 64 pixels that begins with `segments`."""
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    """Return an EXIF block with a directory of `entries`: tag, type, count, value. Its next directory is itself."""
    packed = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + packed + struct.pack(">I", 8)


def webp_of_many_frames() -> bytes:
    data = encode(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:])
    first = data.index(b"ANMF")
    frame = data[first : first + 8 + struct.unpack_from("<I", data, first + 4)[0]]
    content = data[8:first] + frame * 200_000
    return b"RIFF" + struct.pack("<I", len(content)) + content


def gif_of_many_frames() -> bytes:
    data = encode(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])
    first = data.index(b"!\xf9")
    return data[:first] + data[first:-1] * 200_000 + b";"


def gif_larger_than_its_header(image: Image.Image) -> bytes:
    """Return `image` as a GIF with a logical screen of 1 x 1 pixel."""
    return patched(encode(image, "GIF"), b"GIF8", 2, struct.pack("<HH", 1, 1))


def avif_larger_than_its_header() -> bytes:
    large = encode(Image.new("L", (2000, 1000)), "AVIF", speed=10)
    return patched(large, b"ispe", 4, struct.pack(">II", 64, 64))


# By name: a function that returns the file, and the expected error, or None if the file is decoded. With SegmenterError
# it is the limit of CPU time or that of memory.
FILES: dict[str, tuple[Callable[[], bytes], type[SegmenterError] | None]] = {
    "PNG of 144 megapixels in 9 KB": (lambda: png(12_000, 12_000, (b"IDAT", TEXT_BOMB[:9000])), ImageTooLarge),
    "PNG with the largest header": (lambda: png(2**31 - 1, 2**31 - 1, ROWS), ImageTooLarge),
    "PNG with a text bomb": (lambda: png(64, 64, (b"zTXt", b"a\0\0" + TEXT_BOMB), ROWS), None),
    "PNG with 100 text bombs": (
        lambda: png(64, 64, *[(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**6)))] * 100, ROWS),
        None,
    ),
    "PNG with a profile bomb": (lambda: png(64, 64, (b"iCCP", b"a\0\0" + TEXT_BOMB), ROWS), None),
    "PNG with a profile of noise": (lambda: encode(SQUARE, "PNG", icc_profile=NOISE), None),
    "PNG with 500,000 chunks": (lambda: png(64, 64, *[(b"aaAa", b"")] * 500_000, ROWS), None),
    "PNG with 500,000 data chunks": (lambda: png(64, 64, *[(b"IDAT", b"")] * 500_000, ROWS), None),
    "PNG with cyclic EXIF": (lambda: png(64, 64, (b"eXIf", exif((0x8769, 4, 1, 8))), ROWS), None),
    "PNG with EXIF of 4 billion values": (lambda: png(64, 64, (b"eXIf", exif((274, 3, 2**32 - 1, 8))), ROWS), None),
    "PNG with EXIF of 60,000 long tags": (
        lambda: png(64, 64, (b"eXIf", exif(*[(tag, 3, 200_000, 8) for tag in range(60_000)])), ROWS),
        None,
    ),
    "APNG of 2^31 frames": (lambda: png(64, 64, (b"acTL", struct.pack(">II", 2**31 - 1, 0)), ROWS), None),
    "JPEG of 4.3 gigapixels": (
        lambda: patched(JPEG, b"\xff\xc0", 3, struct.pack(">HH", 65500, 65500)),
        ImageTooLarge,
    ),
    "JPEG with 7 million comments": (lambda: jpeg(segment(0xFE, b"") * 7_000_000), InvalidImage),
    "JPEG with 100 million fill bytes": (lambda: jpeg(b"\xff" * 100_000_000), None),
    "JPEG with 30 MB of EXIF": (lambda: jpeg(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 480), None),
    "JPEG with cyclic EXIF": (
        lambda: jpeg(segment(0xE1, b"Exif\0\0" + exif((0x8769, 4, 1, 8), (0x8825, 4, 1, 8)))),
        None,
    ),
    "JPEG with 30 MB of profiles": (
        lambda: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 480),
        None,
    ),
    "JPEG with a profile of noise": (lambda: encode(SQUARE, "JPEG", icc_profile=NOISE), None),
    "JPEG with 2,000 scans": (lambda: JPEG[:-2] + START_OF_SCAN * 2000 + JPEG[-2:], InvalidImage),
    "GIF with a frame of 4.3 gigapixels": (lambda: gif(0, 0, 65_535, 65_535), ImageTooLarge),
    "GIF with a frame far outside": (lambda: gif(65_000, 65_000, 16, 16), ImageTooLarge),
    "GIF with a large frame to clear": (lambda: gif(0, 0, 40_000, 30_000, b"!\xf9\4\x08\0\0\0\0"), ImageTooLarge),
    "GIF with a large frame to restore": (lambda: gif(0, 0, 40_000, 30_000, b"!\xf9\4\x0d\0\0\0\0"), ImageTooLarge),
    "GIF with 200,000 frames": (gif_of_many_frames, None),
    "GIF with a million extensions": (lambda: gif(0, 0, 1, 1, b"!\xfe\1a\0" * 1_000_000), None),
    "GIF with a comment of 10 million blocks": (
        lambda: gif(0, 0, 1, 1, b"!\xfe" + b"\1a" * 10_000_000),
        InvalidImage,
    ),
    "WEBP with a frame of 268 megapixels": (
        lambda: patched(WEBP, b"\x9d\x01\x2a", 0, struct.pack("<HH", 16_383, 16_383)),
        ImageTooLarge,
    ),
    "WEBP with a header of 268 megapixels": (
        lambda: patched(encode(Image.new("RGBA", (64, 64)), "WEBP"), b"VP8X", 8, b"\xfe\x3f\0" * 2),
        ImageTooLarge,
    ),
    "WEBP with 200,000 frames": (webp_of_many_frames, None),
    "AVIF of 2^62 pixels": (
        lambda: patched(AVIF, b"ispe", 4, struct.pack(">II", 2**31 - 1, 2**31 - 1)),
        InvalidImage,
    ),
    "AVIF of 225 megapixels": (lambda: patched(AVIF, b"ispe", 4, struct.pack(">II", 15_000, 15_000)), ImageTooLarge),
    "AVIF larger than its header": (avif_larger_than_its_header, None),
    "BMP with the largest header": (
        lambda: patched(BMP, b"BM", 16, struct.pack("<ii", 2**31 - 1, 2**31 - 1)),
        ImageTooLarge,
    ),
    "BMP with the largest top-down header": (
        lambda: patched(BMP, b"BM", 16, struct.pack("<ii", 64, -(2**31))),
        ImageTooLarge,
    ),
    "TIFF of 2^64 pixels": (lambda: tiff(t256=(4, 1, 2**32 - 1), t257=(4, 1, 2**32 - 1)), ImageTooLarge),
    "TIFF with cyclic directories": (tiff, None),
    "TIFF with cyclic EXIF": (lambda: tiff(t34665=(4, 1, 8)), None),
    "TIFF with 4 billion strips": (lambda: tiff(t273=(4, 2**32 - 1, 1000), t279=(4, 2**32 - 1, 1000)), InvalidImage),
    "TIFF with strips of 0 rows": (lambda: tiff(t278=(4, 1, 0)), InvalidImage),
    "TIFF with strips of 4 billion rows": (lambda: tiff(t259=(3, 1, 8), t278=(4, 1, 2**32 - 1)), InvalidImage),
    "TIFF with 65,535 samples per pixel": (lambda: tiff(t277=(3, 1, 65_535)), UnsupportedImage),
    "TIFF with a text of 2 GB": (lambda: tiff(t270=(2, 2**31 - 1, 1000)), None),
    "TIFF with tiles of 4.3 gigapixels": (lambda: tiled((4, 1, 65_520), (4, 1, 65_520)), InvalidImage),
    "TIFF with tiles of 0 pixels": (lambda: tiled((4, 1, 0), (4, 1, 0)), InvalidImage),
    "TIFF with a tile width of type text": (lambda: tiled((2, 4, b"abc\0"), (4, 1, 16)), InvalidImage),
    "TIFF with a tile size of type fraction": (lambda: tiled((5, 1, 0), (5, 1, 0)), InvalidImage),
    "TIFF with two tile widths": (lambda: tiled((3, 2, 0x00100010), (4, 1, 16)), None),
}


@pytest.fixture(scope="module")
def pool() -> DecoderPool:
    """A pool of one decoder process."""
    return DecoderPool(65, MAX_PIXELS, MAX_SECONDS)


@pytest.mark.parametrize("name", FILES)
def test_read_of_hostile_file_stays_within_limits(name: str, pool: DecoderPool) -> None:
    make, expected = FILES[name]
    data = make()
    raised: SegmenterError | None = None
    try:
        with pool.read(data, keep_photo=True) as picture:
            assert picture.photo.shape[:2] == picture.size[::-1]
            assert picture.photo.size <= 3 * MAX_PIXELS
    except SegmenterError as error:
        raised = error
    assert isinstance(raised, expected or type(None))
    assert memory_megabytes(pool.processes[0].pid) < MAX_MEGABYTES


@pytest.mark.parametrize(
    "make",
    [
        encode,
        lambda image: encode(image, "JPEG"),
        gif_larger_than_its_header,
    ],
    ids=["PNG", "JPEG", "GIF larger than its header"],
)
@pytest.mark.parametrize("image_size", [None, 10])
def test_decode_at_pixel_limit_passes_and_one_pixel_above_raises_image_too_large(
    make: Callable[[Image.Image], bytes], image_size: int | None
) -> None:
    at_limit = make(Image.new("L", (100, 100)))
    assert read_image(at_limit, 10_000, image_size).size == (100, 100)
    with pytest.raises(ImageTooLarge):
        read_image(at_limit, 9_999, image_size)
    # 10,001 = 73 x 137
    with pytest.raises(ImageTooLarge):
        read_image(make(Image.new("L", (73, 137))), 10_000, image_size)


def test_decode_above_pixel_limit_names_megapixels_and_setting() -> None:
    data = png(12_000, 12_000, (b"IDAT", zlib.compress(b"\0" * 12_001 * 1000)))
    message = r"has 144\.0 megapixels; at most 50 megapixels are allowed \(MAX_IMAGE_MEGAPIXELS\): send a smaller image"
    with pytest.raises(ImageTooLarge, match=message):
        read_image(data, 50_000_000)


def test_pixel_limit_holds_when_python_ignores_warnings() -> None:
    script = f"""
from pathlib import Path
from core.errors import ImageTooLarge
from core.image.decode import read_image
data = Path({str(CHELSEA)!r}).read_bytes()
read_image(data, 451 * 300)
try:
    read_image(data, 451 * 300 - 1)
except ImageTooLarge:
    print("too large")
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "too large\n"
