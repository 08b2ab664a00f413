"""Untrusted bytes become the picture a person would see, or the right error."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.image.decode import FORMATS, read_image
from tests.support.images import encode, png
from tests.support.paths import ASTRONAUT

LIMIT = 1_000_000
RED, WHITE = (255, 0, 0), (255, 255, 255)


def pixel(data: bytes, x: int = 0, y: int = 0) -> Any:
    image = read_image(data, LIMIT).image
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def halves(mode: str = "RGB") -> Image.Image:
    """Red on the left, white on the right, 40 x 20."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))
    return image.convert(mode)


@pytest.mark.parametrize("format_", FORMATS)
def test_each_served_format_is_read(format_: str) -> None:
    image = read_image(encode(halves(), format_), LIMIT).image
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert np.allclose(np.asarray(image)[10, 5], RED, atol=20)
    assert np.allclose(np.asarray(image)[10, 35], WHITE, atol=20)


def test_a_phones_two_picture_jpeg_is_read() -> None:
    data = encode(halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (40, 20))])
    assert np.allclose(pixel(data, 5, 10), RED, atol=20)


# EXIF orientation: the stored picture is the upright one turned; see EXIF 2.32, tag 274.
ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(orientation: int, format_: str) -> None:
    upright = halves()
    upright.putpixel((0, 0), (0, 0, 255))
    turn = ORIENTATIONS[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100, "subsampling": 0} if format_ == "JPEG" else {"lossless": True}
    data = encode(stored, format_, exif=exif, **(options if format_ in {"JPEG", "WEBP"} else {}))
    photo = read_image(data, LIMIT)
    got = photo.image
    assert got.size == photo.size == upright.size
    assert np.allclose(np.asarray(got)[:, 8:], np.asarray(upright)[:, 8:], atol=30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_refuse_the_picture() -> None:
    assert np.allclose(pixel(encode(halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), 5, 10), RED, atol=20)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_is_laid_on_white(format_: str) -> None:
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (8, 0, 16, 16))
    data = encode(image, format_, **({"lossless": True, "exact": True} if format_ == "WEBP" else {}))
    assert np.allclose(pixel(data, 2, 8), WHITE, atol=20)
    assert np.allclose(pixel(data, 13, 8), RED, atol=20)


def test_half_transparency_is_blended() -> None:
    assert pixel(encode(Image.new("RGBA", (1, 1), (255, 0, 0, 128)))) == (255, 127, 127)


def test_grey_with_alpha_and_palettes_with_a_transparent_colour_are_laid_on_white() -> None:
    assert pixel(encode(Image.new("LA", (1, 1), (0, 0)))) == WHITE
    palette = halves("P")
    assert pixel(encode(palette, "PNG", transparency=palette.getpixel((0, 0)))) == WHITE
    assert pixel(encode(palette, "GIF", transparency=palette.getpixel((0, 0)))) == WHITE
    assert pixel(encode(palette, "GIF")) == RED
    assert pixel(encode(Image.new("RGB", (1, 1), "red"), transparency=RED)) == WHITE


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (255, 0), (256, 1), (0x8000, 128), (0xFFFF, 255)])
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(format_: str, value: int, grey: int) -> None:
    image = Image.fromarray(np.full((2, 2), value, np.uint16))
    assert image.mode == "I;16"
    assert pixel(encode(image, format_)) == (grey,) * 3


def test_16_bit_colour_and_16_bit_transparency() -> None:
    row = struct.pack(">BHHH", 0, 0xFFFF, 0x8000, 0x0100)
    assert pixel(png(1, 1, (b"IDAT", zlib.compress(row)), depth=16, colour=2)) == (255, 128, 1)
    grey = zlib.compress(struct.pack(">BHH", 0, 0x4000, 0x6000))
    transparent = png(2, 1, (b"tRNS", b"\x40\x00"), (b"IDAT", grey), depth=16)
    assert pixel(transparent) == WHITE
    assert pixel(transparent, 1) == (0x60,) * 3


@pytest.mark.parametrize(("mode", "format_"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("P", "BMP")])
def test_other_colour_spaces_become_rgb(mode: str, format_: str) -> None:
    assert np.allclose(pixel(encode(halves(mode), format_), 5, 10), RED, atol=20)


def test_black_and_white_becomes_rgb() -> None:
    assert pixel(encode(Image.new("1", (2, 2), 1))) == WHITE


def test_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for format_, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        data = encode(frames[0], format_, save_all=True, append_images=frames[1:], **options)
        assert pixel(data) == RED


@pytest.mark.parametrize(
    "data", [b"", b"hello, I am a text", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"\0" * 999]
)
def test_what_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=r"empty|not an image|damaged"):
        read_image(data, LIMIT)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("tenth", range(1, 10))
def test_truncated_files_are_refused(format_: str, tenth: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), format_)
    with pytest.raises(InvalidImage):
        read_image(data[: len(data) * tenth // 10], LIMIT)


def test_a_damaged_jpeg_still_says_so() -> None:
    with pytest.raises(InvalidImage, match="truncated or damaged"):
        read_image(ASTRONAUT.read_bytes()[:20000], LIMIT)


def test_pixels_are_counted_before_decoding() -> None:
    bomb = png(12000, 12000, (b"IDAT", zlib.compress(b"\0" * 12001 * 1000)))
    with pytest.raises(
        ImageTooLarge, match=r"12000 x 12000 pixels, 144\.0 megapixels; at most 1 .*MAX_IMAGE_MEGAPIXELS"
    ):
        read_image(bomb, LIMIT)
    assert read_image(encode(Image.new("L", (1000, 1000))), LIMIT).size == (1000, 1000)
    with pytest.raises(ImageTooLarge):
        read_image(encode(Image.new("L", (1000, 1001))), LIMIT)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("PSD", b"8BPS\0\x01"),
        ("ICO", b"\0\0\x01\0\x01\0"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("PDF", b"%PDF-1.7"),
    ],
)
def test_known_formats_that_are_not_served_are_named(name: str, data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match=f"{name} images are not served; send JPEG, PNG"):
        read_image(data, LIMIT)


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_pixel_types_without_a_meaning_as_rgb_are_refused(mode: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"type {mode} "):
        read_image(encode(Image.new(mode, (4, 4)), "TIFF"), LIMIT)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encode(halves().resize((2000, 1000)), "JPEG", exif=exif)
    photo = read_image(data, 2_000_000, enough=300)
    assert photo.size == ((2000, 1000) if orientation == 1 else (1000, 2000))
    assert photo.image.size == ((500, 250) if orientation == 1 else (250, 500))
    for enough, width in ((500, 500), (501, 1000), (1001, 2000), (5000, 2000)):
        assert max(read_image(data, 2_000_000, enough=enough).image.size) == width
