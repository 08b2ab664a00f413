"""Metadata that decoding does not need is removed, and does not prevent it."""

import struct
import zlib

import pytest
from PIL import Image

from core.errors import InvalidImage
from core.image.decode import read_image
from core.image.metadata import without_metadata
from tests.support.images import encode, png
from tests.support.paths import CHELSEA

LIMIT = 1_000_000
SQUARE = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
JPEG = encode(SQUARE, "JPEG")
ROWS = (b"IDAT", zlib.compress(bytes(64 * 65)))


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_file_without_metadata_stays_unchanged(format_: str) -> None:
    data = encode(SQUARE, format_)
    assert without_metadata(data) is data


def test_jpeg_keeps_orientation_profile_and_adobe_segment() -> None:
    kept = [segment(0xE1, b"Exif\0\0MM"), segment(0xE2, b"ICC_PROFILE\0\1\1x"), segment(0xEE, b"Adobe\0d\0\0\0\0\1")]
    dropped = [
        segment(0xFE, b"a comment"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        segment(0xE2, b"MPF\0MM"),
        segment(0xED, b"Photoshop 3.0\0"),
        segment(0xE1, b"Exif\0\0 again"),
    ]
    data = JPEG[:2] + b"".join(kept + dropped) + JPEG[2:]
    assert without_metadata(data) == JPEG[:2] + b"".join(kept) + JPEG[2:]


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"aaAa", b"acTL", b"tIME", b"PLTE"])
def test_png_with_wrong_checksum_of_optional_chunk_is_decoded(name: bytes) -> None:
    good = png(64, 64, (name, b"a\0\0\0\0\0\0\0"), ROWS)
    at = good.index(name) + len(name)
    damaged = good[: at + 2] + b"\x55" + good[at + 3 :]
    assert read_image(damaged, LIMIT).size == (64, 64)


def test_png_with_wrong_checksum_of_pixels_is_rejected() -> None:
    good = png(64, 64, ROWS)
    at = good.index(b"IDAT") + 8
    with pytest.raises(InvalidImage, match="damaged"):
        read_image(good[:at] + b"\x55" + good[at + 1 :], LIMIT)


@pytest.mark.parametrize("name", [b"IDAT", b"PLTE", b"ABCD", b"IEND", b"tEXt"])
@pytest.mark.parametrize("content", [b"", b"0123456789"])
def test_png_with_cut_chunk_behind_its_pixels_is_decoded(name: bytes, content: bytes) -> None:
    good = png(64, 64, ROWS)
    end = good.index(b"IEND") - 4
    cut = good[:end] + struct.pack(">I", 100) + name + content
    assert read_image(cut, LIMIT).image.tobytes() == read_image(good, LIMIT).image.tobytes()


@pytest.mark.parametrize("content", [b"", b"0123456789"])
def test_png_with_cut_pixels_is_rejected(content: bytes) -> None:
    deflated = ROWS[1]
    parts = png(64, 64, (b"IDAT", deflated[: len(deflated) // 2]))
    cut = parts[: parts.index(b"IEND") - 4] + struct.pack(">I", 100) + b"IDAT" + content
    with pytest.raises(InvalidImage, match="truncated"):
        read_image(cut, LIMIT)


def test_png_with_large_text_is_decoded() -> None:
    text = (b"zTXt", b"a\0\0" + zlib.compress(bytes(5_000_000)))
    assert read_image(png(64, 64, text, ROWS, text), LIMIT).size == (64, 64)


@pytest.mark.parametrize(
    "damage",
    [
        *(
            struct.pack(">BBH", 0xFF, marker, length)
            for marker in (0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)
            for length in (0, 1)
        ),
        *(segment(0xE2, b"ICC_PROFILE\0" + extra) for extra in (b"", b"\1")),
        *(segment(0xEE, b"Adobe" + extra) for extra in (b"", b"\1")),
        segment(0xE0, b"JFIF\0"),
        b"\0 between\xff\0segments",
    ],
)
def test_jpeg_with_damaged_metadata_is_decoded(damage: bytes) -> None:
    whole = read_image(JPEG, LIMIT).image
    assert read_image(JPEG[:2] + damage + JPEG[2:], LIMIT).image.tobytes() == whole.tobytes()


def test_jpeg_cut_in_the_header_of_its_frame_is_damaged() -> None:
    for cut in range(10):
        with pytest.raises(InvalidImage, match="beginning is damaged; send"):
            read_image(JPEG[: JPEG.index(b"\xff\xc0") + cut], LIMIT)


def test_jpeg_of_more_than_a_million_segments_is_rejected_by_their_number() -> None:
    with pytest.raises(
        InvalidImage, match=r"the JPEG has more than 1,000,000 segments before its pixels; save it again"
    ):
        read_image(JPEG[:2] + segment(0xFE, b"") * 1_000_000 + JPEG[2:], LIMIT)


@pytest.mark.parametrize("content", [b"", b"a\0", b"a\0\1x", b"a\0\0x", b"a\0\0" + zlib.compress(bytes(20_000_000))])
@pytest.mark.parametrize("name", [b"iCCP", b"tRNS", b"eXIf", b"cICP"])
def test_png_with_damaged_optional_chunk_is_decoded(name: bytes, content: bytes) -> None:
    whole = read_image(png(64, 64, ROWS), LIMIT).image
    for chunks in ([(name, content), ROWS], [ROWS, (name, content)]):
        # Two bytes are a whole tRNS of a grey PNG.
        if (name, len(content)) != (b"tRNS", 2):
            assert read_image(png(64, 64, *chunks), LIMIT).image.tobytes() == whole.tobytes()


def test_png_with_orientation_behind_its_pixels_is_not_turned() -> None:
    turned = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0" + bytes(4)
    rows = (b"IDAT", zlib.compress(bytes(64 * 33)))
    assert read_image(png(32, 64, (b"eXIf", turned), rows), LIMIT).size == (64, 32)
    assert read_image(png(32, 64, rows, (b"eXIf", turned)), LIMIT).size == (32, 64)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_jpeg_without_its_end_marker_is_decoded(options: dict[str, int]) -> None:
    data = encode(Image.open(CHELSEA), "JPEG", **options)
    whole = read_image(data, LIMIT).image
    assert read_image(data[:-2], LIMIT).image.tobytes() == whole.tobytes()
    assert read_image(data[:-2], LIMIT, 65).image.tobytes() == read_image(data, LIMIT, 65).image.tobytes()


@pytest.mark.parametrize("cut", [3, 4, 6, 10, 20, 100, 1000, 10_000])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_jpeg_without_its_last_rows_is_rejected(options: dict[str, bool], cut: int) -> None:
    data = encode(Image.open(CHELSEA), "JPEG", **options)
    with pytest.raises(InvalidImage, match="truncated"):
        read_image(data[: -2 - cut], LIMIT)
