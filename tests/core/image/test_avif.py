"""How large an AVIF is coded is found out, whatever its boxes are like."""

import struct

import pytest
from PIL import Image

from core.image.avif import MAX_PIECES, Bits, coded_pixels
from core.errors import InvalidImage
from core.image.decode import read_image
from tests.test_image import encode

PHOTO = Image.linear_gradient("L").resize((40, 30)).convert("RGB")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (1000, 3)])
def test_of_a_photo(mode: str, size: tuple[int, int]) -> None:
    data = encode(PHOTO.convert(mode).resize(size), "AVIF")
    assert coded_pixels(data) == size[0] * size[1]


def test_of_an_animation() -> None:
    data = encode(PHOTO, "AVIF", save_all=True, append_images=[PHOTO.rotate(90), PHOTO.rotate(180)])
    assert data[8:12] == b"avis"
    assert coded_pixels(data) == 1200
    # The long form of the header, and it alone: without the items there is only the track.
    assert coded_pixels(data.replace(b"iloc", b"free")) == 1200


def test_of_anything_else() -> None:
    data = encode(PHOTO, "AVIF")
    assert coded_pixels(b"") == coded_pixels(b"hello") == coded_pixels(bytes(1000)) == 0
    for end in range(len(data)):
        assert coded_pixels(data[:end]) in (0, 1200)


def test_too_many_boxes_are_refused() -> None:
    data = encode(PHOTO, "AVIF") + box(b"free", b"") * MAX_PIECES
    with pytest.raises(InvalidImage, match="too many pieces"):
        read_image(data, 10_000)


def test_boxes_in_boxes_are_followed_so_far_and_no_farther() -> None:
    data = b""
    for _ in range(5000):
        data = box(b"moov", data)
    assert coded_pixels(data) == 0


@pytest.mark.parametrize("pieces", [struct.pack(">II", 0, 10_000) * 1000, b""])
def test_the_same_bytes_again_and_again_are_refused(pieces: bytes) -> None:
    sizes, count = (b"\x44\0", 1000) if pieces else (b"\0\0", 65_535)
    item = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"av01\0")
    places = box(b"iloc", bytes(4) + sizes + struct.pack(">HHHH", 1, 1, 0, count) + pieces)
    data = box(b"meta", bytes(4) + box(b"iinf", bytes(6) + item) + places) + bytes(10_000)
    with pytest.raises(InvalidImage, match="too many pieces"):
        coded_pixels(data)


def test_data_in_too_many_units_is_refused() -> None:
    item = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"av01\0")
    padding = b"\x7a\0" * (MAX_PIECES + 1)
    places = box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">HHHHII", 1, 1, 0, 1, 8, len(padding)))
    with pytest.raises(InvalidImage, match="too many pieces"):
        coded_pixels(box(b"mdat", padding) + box(b"meta", bytes(4) + box(b"iinf", bytes(6) + item) + places))


def test_bits_are_read_from_the_highest() -> None:
    bits = Bits(b"\xa5\x01\x02")
    assert [bits.read(count) for count in (1, 3, 4, 16)] == [1, 2, 5, 0x0102]
    with pytest.raises(EOFError):
        bits.read(1)
