"""Which picture of a TIFF is its photo, and the names of what is rejected."""

import struct
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidImage, UnsupportedImage
from core.image.decode import read_image
from tests.support.images import Tag, encode, tiff
from tests.support.tiff import BLACK_IS_ZERO, CMYK, RGB, tiff_file, tiff_pictures

LIMIT = 1_000_000
SUBFILE_TYPE, OLD_SUBFILE_TYPE, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 254, 255, 258, 259, 262, 274
EXTRA_SAMPLES, SUB_IFDS, DNG_VERSION = 338, 330, 50706
MOSAIC, LINEAR_RAW, LAB = 32803, 34892, 8
THUMBNAIL = {SUBFILE_TYPE: 1}
OF_SENSOR = {PHOTOMETRIC: MOSAIC, BITS: 16}
ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("pages", "below"),
    [
        pytest.param([THUMBNAIL | {DNG_VERSION: 1025}], OF_SENSOR, id="DNG"),
        pytest.param([{DNG_VERSION: 1025}], None, id="DNG of one picture"),
        pytest.param([THUMBNAIL], OF_SENSOR | {COMPRESSION: 34713, BITS: 12}, id="NEF"),
        pytest.param([{OLD_SUBFILE_TYPE: 2, SUB_IFDS: 9_999_999}], {}, id="ARW of an old camera"),
        pytest.param([THUMBNAIL | {SUB_IFDS: 9_999_999}], {}, id="a photo that is no picture of the TIFF"),
        pytest.param([OF_SENSOR | {COMPRESSION: 65535}, THUMBNAIL], None, id="PEF"),
        pytest.param([{PHOTOMETRIC: LINEAR_RAW}], None, id="colours of a sensor"),
        pytest.param([{}], OF_SENSOR, id="a preview that is not marked as reduced"),
        pytest.param([THUMBNAIL, OF_SENSOR], None, id="the second page"),
        pytest.param([THUMBNAIL | {ORIENTATION: 6}], {}, id="a turned photo that does not tell its orientation"),
    ],
)
def test_camera_raw_file_raises_unsupported_image(
    pages: list[dict[int, int]], below: dict[int, int] | None, order: Literal["<", ">"]
) -> None:
    with pytest.raises(UnsupportedImage, match="camera raw files are not served; send JPEG"):
        read_image(tiff_pictures(*pages, below=below, order=order), LIMIT)


@pytest.mark.parametrize("maker", [b"CR\2\0", b"IIII", b"MMMM", b"\xba\xb0\xac\xbb"])
def test_camera_raw_file_with_a_beginning_of_its_own_raises_unsupported_image(maker: bytes) -> None:
    data = tiff_pictures({})
    with pytest.raises(UnsupportedImage, match="camera raw files"):
        read_image(data[:8] + maker + data[12:], LIMIT)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("pages", "below", "size"),
    [
        pytest.param([{}], {SUBFILE_TYPE: 1}, 8, id="a pyramid"),
        pytest.param([THUMBNAIL], {}, 16, id="a camera's TIFF with a thumbnail above the photo"),
        pytest.param([THUMBNAIL | {ORIENTATION: 6}], {ORIENTATION: 6}, 16, id="the same, turned"),
        pytest.param([{}, THUMBNAIL], None, 8, id="a thumbnail behind the photo"),
        pytest.param([THUMBNAIL], None, 8, id="one picture, marked as reduced"),
        pytest.param([{BITS: 32, SUBFILE_TYPE: 1}, {}], None, 8, id="a thumbnail that is not decoded"),
        pytest.param([{ORIENTATION: 6}], None, 8, id="a turned photo"),
    ],
)
def test_photo_is_the_first_picture_that_is_not_reduced(
    pages: list[dict[int, int]], below: dict[int, int] | None, size: int, order: Literal["<", ">"]
) -> None:
    photo = read_image(tiff_pictures(*pages, below=below, order=order), LIMIT)
    assert photo.size == (size, size)
    assert photo.image.getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("big", [False, True])
def test_photo_of_a_camera_or_an_editor_with_its_metadata_is_served(big: bool) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({33434: 0.01, 37500: b"a maker note"})
    exif.update({271: "NIKON CORPORATION", 272: "NIKON D70", 305: "Adobe Photoshop", 34377: b"8BIM", 37724: b"layers"})
    data = encode(Image.new("RGB", (30, 20), "red"), "TIFF", exif=exif, big_tiff=big, compression="tiff_lzw")
    assert read_image(data, LIMIT).image.getpixel((15, 10)) == (255, 0, 0)


def test_second_page_of_a_bigtiff_whose_first_is_reduced_is_the_photo() -> None:
    pages = [Image.new("RGB", (10, 5), "lime"), Image.new("RGB", (40, 20), "red")]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1}, big_tiff=True)
    entry = struct.pack("<HHQQ", 254, 4, 1, 1)
    last = data.rindex(entry)
    data = data[:last] + struct.pack("<HHQQ", 254, 4, 1, 0) + data[last + len(entry) :]
    assert read_image(data, LIMIT).size == (40, 20)


def test_circle_of_directories_ends() -> None:
    data = tiff_pictures(THUMBNAIL, THUMBNAIL)
    end = len(data) - 4
    assert read_image(data[:end] + data[4:8], LIMIT).size == (8, 8)


@pytest.mark.parametrize(
    ("options", "channels", "properties"),
    [
        (
            {"photometric": BLACK_IS_ZERO, "tags": {EXTRA_SAMPLES: (2,)}, "bits": 16},
            2,
            "16-bit samples, 1 extra channel",
        ),
        ({"photometric": RGB, "tags": {EXTRA_SAMPLES: (0, 2)}}, 5, "2 extra channels"),
        ({"photometric": CMYK, "tags": {EXTRA_SAMPLES: (0, 0, 0)}}, 7, "3 extra channels, .* 5 .CMYK."),
        ({"photometric": RGB, "bits": 16, "planar": True}, 3, "16-bit samples, separate planes"),
        ({"photometric": BLACK_IS_ZERO, "bits": 32}, 1, "32-bit samples"),
        ({"photometric": BLACK_IS_ZERO, "bits": 32, "sample_format": 3}, 1, "32-bit floats"),
        ({"photometric": BLACK_IS_ZERO, "bits": 16, "sample_format": 2}, 1, "16-bit signed integers"),
        ({"photometric": LAB}, 3, "photometric interpretation 8 .CieLAB."),
        ({"photometric": RGB, "compression": 34712}, 3, "compression 34712"),
        ({"photometric": RGB, "compression": 6}, 3, "compression 6 .JPEG."),
    ],
)
def test_rejection_names_the_property_that_is_not_served(
    options: dict[str, Any], channels: int, properties: str
) -> None:
    kind = np.dtype(f"u{options.get('bits', 8) // 8}")
    data = tiff_file(np.zeros((8, 8, channels), kind), **options)
    with pytest.raises(UnsupportedImage, match=f"^TIFF with {properties} is not served; save as 8-bit RGB or grey"):
        read_image(data, LIMIT)


def test_damaged_tiff_of_served_pixels_raises_invalid_image() -> None:
    data = tiff_pictures({273: 9_999_999})
    with pytest.raises(InvalidImage, match="damaged"):
        read_image(data, LIMIT)
    with pytest.raises(InvalidImage, match="damaged"):
        read_image(tiff_pictures({})[:200], LIMIT)


@pytest.mark.parametrize("compression", [2, 3, 4])
@pytest.mark.parametrize("tiles", [False, True])
def test_fax_of_more_lines_than_are_decoded_in_time_is_rejected_by_name(compression: int, *, tiles: bool) -> None:
    layout: dict[str, Tag | None] = {"t256": (4, 1, 160), "t257": (4, 1, 8_000)} if tiles else {"t257": (4, 1, 70_000)}
    if tiles:
        layout |= {
            "t322": (4, 1, 16),
            "t323": (4, 1, 8_000),
            "t324": (4, 1, 0),
            "t325": (4, 1, 9),
            "t273": None,
            "t279": None,
        }
    data = tiff(t258=(3, 1, 1), t259=(3, 1, compression), **layout)
    with pytest.raises(UnsupportedImage, match=r"TIFF with .*[78]0000 fax lines .* is not served"):
        read_image(data, 100_000_000)
