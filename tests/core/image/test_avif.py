"""The coded size of AVIF files, valid, damaged and hostile."""

import struct

import pytest
from PIL import Image

from core.errors import InvalidImage
from core.image.avif import MAX_PARTS, BitReader, coded_pixels
from core.image.decode import read_image
from tests.support.images import encode

PHOTO = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
# An infe box: item 1 holds AV1 data.
AV1_ITEM = struct.pack(">I4s", 21, b"infe") + b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"av01\0"


def box(type_: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + type_ + content


def meta(sizes: bytes, extent_count: int, extents: bytes) -> bytes:
    """Return a meta box with one AV1 item of `extent_count` extents; `sizes` are those of iloc's fields."""
    iloc = box(b"iloc", bytes(4) + sizes + struct.pack(">HHHH", 1, 1, 0, extent_count) + extents)
    return box(b"meta", bytes(4) + box(b"iinf", bytes(6) + AV1_ITEM) + iloc)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (1000, 3)])
def test_coded_pixels_of_photo_is_its_area(mode: str, size: tuple[int, int]) -> None:
    data = encode(PHOTO.convert(mode).resize(size), "AVIF")
    assert coded_pixels(data) == size[0] * size[1]


def test_coded_pixels_of_animation_is_its_area() -> None:
    data = encode(PHOTO, "AVIF", save_all=True, append_images=[PHOTO.rotate(90), PHOTO.rotate(180)])
    assert data[8:12] == b"avis"
    assert coded_pixels(data) == 1200


def test_coded_pixels_of_animation_without_items_is_read_from_the_track() -> None:
    data = encode(PHOTO, "AVIF", save_all=True, append_images=[PHOTO.rotate(90), PHOTO.rotate(180)])
    # Tracks have the long form of the sequence header.
    assert coded_pixels(data.replace(b"iloc", b"free")) == 1200


@pytest.mark.parametrize("data", [b"", b"hello", bytes(1000)])
def test_coded_pixels_without_avif_data_is_zero(data: bytes) -> None:
    assert coded_pixels(data) == 0


def test_coded_pixels_of_truncated_avif_is_zero_or_its_area() -> None:
    data = encode(PHOTO, "AVIF")
    assert {coded_pixels(data[:end]) for end in range(len(data))} == {0, 1200}


def test_coded_pixels_of_deeply_nested_boxes_is_zero() -> None:
    data = b""
    for _ in range(5000):
        data = box(b"moov", data)
    assert coded_pixels(data) == 0


def test_decode_of_avif_with_too_many_boxes_raises_invalid_image() -> None:
    data = encode(PHOTO, "AVIF") + box(b"free", b"") * MAX_PARTS
    with pytest.raises(InvalidImage, match="more than 10,000 parts"):
        read_image(data, 10_000)


def test_coded_pixels_of_too_many_extents_raises_invalid_image() -> None:
    with pytest.raises(InvalidImage, match="more than 10,000 parts"):
        coded_pixels(meta(b"\0\0", 65_535, b"") + bytes(10_000))


def test_coded_pixels_of_repeated_extents_raises_invalid_image() -> None:
    extents = struct.pack(">II", 0, 10_000) * 1000
    with pytest.raises(InvalidImage, match="refer to the same bytes"):
        coded_pixels(meta(b"\x44\0", 1000, extents) + bytes(10_000))


def test_coded_pixels_of_too_many_units_raises_invalid_image() -> None:
    padding = b"\x7a\0" * (MAX_PARTS + 1)  # padding OBUs of 0 bytes
    data = box(b"mdat", padding) + meta(b"\x44\0", 1, struct.pack(">II", 8, len(padding)))
    with pytest.raises(InvalidImage, match="more than 10,000 parts"):
        coded_pixels(data)


def test_bit_reader_reads_most_significant_bit_first() -> None:
    reader = BitReader(b"\xa5\x01\x02")
    assert [reader.read(bits) for bits in (1, 3, 4)] == [1, 2, 5]
    assert reader.read_integer(2) == 0x0102


def test_bit_reader_at_end_of_data_raises_eof_error() -> None:
    with pytest.raises(EOFError):
        BitReader(b"\xff").read(9)
