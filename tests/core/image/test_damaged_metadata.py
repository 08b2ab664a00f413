"""Damaged metadata never costs the photo: each container is decoded to the pixels that it has without the damage."""

import struct

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidImage, UnsupportedImage
from core.image.decode import read_image
from tests.support.images import Tag, encode, tiff

LIMIT = 1_000_000
SQUARE = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
TURNED = Image.Exif()
TURNED[274], TURNED[271] = 6, "a camera"
WEBP = encode(SQUARE, "WEBP", lossless=True)
GIF = encode(SQUARE.quantize(64), "GIF")
AVIF = encode(SQUARE, "AVIF", exif=TURNED, xmp=b"<x:xmpmeta/>")
FIRST_FRAME = GIF.index(b",", 13 + 3 * 64)


def assert_same_photo(damaged: bytes, whole: bytes) -> None:
    assert read_image(damaged, LIMIT).image.tobytes() == read_image(whole, LIMIT).image.tobytes()


DAMAGES: dict[str, Tag] = {
    "unknown type": (99, 1, 1),
    "offset behind the end": (2, 1000, 0x7FFFFFFF),
    "no values": (3, 0, 0),
    "4 billion values": (4, 2**32 - 1, 8),
    "fraction behind the end": (5, 1, 0xFFFF),
    "bytes": (7, 4, b"\xff\xfe\xfd\xfc"),
    "number": (3, 1, b"\xff\xff\0\0"),
    "not a number": (11, 1, b"\xff\xff\xff\xff"),
}
OPTIONAL_TAGS = {
    "description": 270,
    "software": 305,
    "resolution": 282,
    "XMP": 700,
    "EXIF": 34665,
    "profile": 34675,
    "Photoshop": 34377,
    "GPS": 34853,
    "JPEG XR": 0xBC01,
    "private": 65000,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("tag", OPTIONAL_TAGS)
def test_tiff_with_damaged_tag_that_pixels_do_not_need_is_decoded(tag: str, damage: str) -> None:
    assert_same_photo(tiff(**{f"t{OPTIONAL_TAGS[tag]}": DAMAGES[damage]}), tiff())


@pytest.mark.parametrize("damage", ["unknown type", "offset behind the end", "no values", "fraction behind the end"])
@pytest.mark.parametrize("tag", [254, 255, 266, 274, 330, 339, 50706])
def test_tiff_with_tag_of_no_integer_is_decoded_by_its_default(tag: int, damage: str) -> None:
    assert_same_photo(tiff(**{f"t{tag}": DAMAGES[damage]}), tiff())


@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i"), (13, "I")])
def test_tiff_is_turned_by_an_orientation_of_any_integer_type(kind: int, code: str) -> None:
    value = struct.pack(f"<{code}", 6).ljust(4, b"\0")
    assert_same_photo(tiff(t274=(kind, 1, value)), tiff(t274=(3, 1, 6)))


@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i"), (13, "I")])
@pytest.mark.parametrize(("tag", "value"), [(256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (277, 1), (278, 64)])
def test_tiff_with_a_tag_of_any_integer_type_is_decoded(tag: int, value: int, kind: int, code: str) -> None:
    assert_same_photo(tiff(**{f"t{tag}": (kind, 1, struct.pack(f"<{code}", value).ljust(4, b"\0"))}), tiff())


@pytest.mark.parametrize("tag", [256, 257, 273])
def test_tiff_without_a_tag_that_pixels_need_is_rejected(tag: int) -> None:
    with pytest.raises((InvalidImage, UnsupportedImage)):
        read_image(tiff(**{f"t{tag}": DAMAGES["offset behind the end"]}), LIMIT)


@pytest.mark.parametrize(
    "extension",
    [
        b"!\xff\0",
        b"!\xff\5NETSC\0",
        b"!\xff\x0bNETSCAPE2.0\1\1\0",
        b"!\xfe\0",
        b"!\xf9\0",
        b"!\xf9\1\0\0",
        b"!\xf9\3\0\0\0\0",
        b"!\xf9\6\0\0\0\0\0\0\0",
        b"!\1\x0c" + bytes(12) + b"\2ab\0",
        b"\0\0between",
    ],
)
def test_gif_with_damaged_extension_is_decoded(extension: bytes) -> None:
    assert_same_photo(GIF[:FIRST_FRAME] + extension + GIF[FIRST_FRAME:], GIF)


def test_gif_stays_transparent_behind_other_extensions() -> None:
    transparent = b"!\xfe\1a\0!\xf9\4\1\0\0\0\0!\xff\0"
    picture = GIF[:FIRST_FRAME] + transparent + GIF[FIRST_FRAME:]
    index = np.asarray(SQUARE.quantize(64))
    shown = np.asarray(read_image(picture, LIMIT).image)
    assert (shown[index == 0] == 255).all()
    assert not (shown[index == 1] == 255).all()


@pytest.mark.parametrize("length", [0, 4, 30, len(WEBP), 10**6])
def test_webp_with_wrong_length_is_decoded(length: int) -> None:
    assert_same_photo(WEBP[:4] + struct.pack("<I", length) + WEBP[8:], WEBP)


@pytest.mark.parametrize("name", [b"ICCP", b"EXIF", b"XMP ", b"abcd"])
@pytest.mark.parametrize("length", [3, 4, 1000])
def test_webp_with_cut_chunk_behind_its_pixels_is_decoded(name: bytes, length: int) -> None:
    flags = {b"ICCP": 0x20, b"EXIF": 8, b"XMP ": 4, b"abcd": 0}[name]
    canvas = b"VP8X\x0a\0\0\0" + struct.pack("<IHBHB", flags, 63, 0, 47, 0)
    extended = b"RIFF\0\0\0\0WEBP" + canvas + WEBP[12:] + name + struct.pack("<I", length) + b"abc"
    assert_same_photo(extended, WEBP)


@pytest.mark.parametrize("cut", [2, 3, 20, 40])
def test_webp_with_cut_pixels_is_rejected(cut: int) -> None:
    with pytest.raises(InvalidImage, match="truncated"):
        read_image(WEBP[:-cut], LIMIT)


def test_avif_with_damaged_exif_is_turned_by_its_property() -> None:
    exif = AVIF.index(b"II*\0" if b"II*\0" in AVIF else b"MM\0*")
    for damage in (b"\xff\xff\xff\xff", bytes(20), b"MM\0*\xff\xff\xff\xff"):
        assert_same_photo(AVIF[:exif] + damage + AVIF[exif + len(damage) :], AVIF)
    assert read_image(AVIF, LIMIT).size == (48, 64)
