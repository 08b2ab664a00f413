"""Decoding of every served format, pixel type and orientation, and of files that are not images or damaged."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.errors import InvalidImage, UnsupportedImage
from core.image.decode import read_image
from core.image.formats import FORMATS
from tests.support.images import encode, png
from tests.support.paths import ASTRONAUT

LIMIT = 1_000_000
RED, WHITE = (255, 0, 0), (255, 255, 255)

# The inverse of each EXIF orientation: it turns an upright image into the stored one (EXIF 2.32, tag 274).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pixel(data: bytes, x: int = 0, y: int = 0) -> Any:
    image = read_image(data, LIMIT).image
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def halves(mode: str = "RGB") -> Image.Image:
    """Return an image of 40 x 20 pixels, red on the left and white on the right."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))
    return image.convert(mode)


@pytest.mark.parametrize("format_", FORMATS)
def test_decode_of_served_format_returns_rgb_image(format_: str) -> None:
    image = read_image(encode(halves(), format_), LIMIT).image
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert np.allclose(np.asarray(image)[10, 5], RED, atol=20)
    assert np.allclose(np.asarray(image)[10, 35], WHITE, atol=20)


def test_decode_of_multi_picture_jpeg_returns_first_picture() -> None:
    # Phones write this format (MPO): a JPEG that contains a second one.
    data = encode(halves(), "MPO", save_all=True, append_images=[Image.new("RGB", (40, 20))])
    assert np.allclose(pixel(data, 5, 10), RED, atol=20)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_decode_with_exif_orientation_returns_upright_image(orientation: int, format_: str) -> None:
    upright = halves()
    upright.putpixel((0, 0), (0, 0, 255))
    turn = STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100, "subsampling": 0} if format_ == "JPEG" else {"lossless": True}
    data = encode(stored, format_, exif=exif, **(options if format_ in {"JPEG", "WEBP"} else {}))
    photo = read_image(data, LIMIT)
    assert photo.image.size == photo.size == upright.size
    assert np.allclose(np.asarray(photo.image)[:, 8:], np.asarray(upright)[:, 8:], atol=30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_decode_with_damaged_exif_returns_image() -> None:
    assert np.allclose(pixel(encode(halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), 5, 10), RED, atol=20)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_decode_of_transparent_pixels_returns_white(format_: str) -> None:
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (8, 0, 16, 16))
    data = encode(image, format_, **({"lossless": True, "exact": True} if format_ == "WEBP" else {}))
    assert np.allclose(pixel(data, 2, 8), WHITE, atol=20)
    assert np.allclose(pixel(data, 13, 8), RED, atol=20)


def test_decode_of_half_transparent_pixel_blends_with_white() -> None:
    assert pixel(encode(Image.new("RGBA", (1, 1), (255, 0, 0, 128)))) == (255, 127, 127)


def test_decode_of_transparent_grey_pixel_returns_white() -> None:
    assert pixel(encode(Image.new("LA", (1, 1), (0, 0)))) == WHITE


@pytest.mark.parametrize("format_", ["PNG", "GIF"])
def test_decode_of_transparent_palette_colour_returns_white(format_: str) -> None:
    palette = halves("P")
    assert pixel(encode(palette, format_)) == RED
    assert pixel(encode(palette, format_, transparency=palette.getpixel((0, 0)))) == WHITE


def test_decode_of_transparent_rgb_colour_returns_white() -> None:
    assert pixel(encode(Image.new("RGB", (1, 1), "red"), transparency=RED)) == WHITE


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (255, 0), (256, 1), (0x8000, 128), (0xFFFF, 255)])
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_decode_of_16_bit_grey_returns_high_byte(format_: str, value: int, grey: int) -> None:
    image = Image.fromarray(np.full((2, 2), value, np.uint16))
    assert image.mode == "I;16"
    assert pixel(encode(image, format_)) == (grey,) * 3


def test_decode_of_16_bit_colour_returns_high_bytes() -> None:
    row = struct.pack(">BHHH", 0, 0xFFFF, 0x8000, 0x0100)
    assert pixel(png(1, 1, (b"IDAT", zlib.compress(row)), depth=16, colour=2)) == (255, 128, 1)


@pytest.mark.parametrize("transparent", [0x4000, 0x60])
def test_decode_of_transparent_16_bit_grey_returns_white(transparent: int) -> None:
    row = zlib.compress(struct.pack(">BHH", 0, transparent, 0x6000))
    data = png(2, 1, (b"tRNS", struct.pack(">H", transparent)), (b"IDAT", row), depth=16)
    assert pixel(data) == WHITE
    assert pixel(data, 1) == (0x60,) * 3


@pytest.mark.parametrize(("mode", "format_"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("P", "BMP")])
def test_decode_of_other_colour_space_returns_rgb(mode: str, format_: str) -> None:
    assert np.allclose(pixel(encode(halves(mode), format_), 5, 10), RED, atol=20)


def test_decode_of_one_bit_image_returns_rgb() -> None:
    assert pixel(encode(Image.new("1", (2, 2), 1))) == WHITE


@pytest.mark.parametrize(("format_", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_decode_of_several_frames_returns_first_frame(format_: str, options: dict[str, bool]) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    assert pixel(encode(frames[0], format_, save_all=True, append_images=frames[1:], **options)) == RED


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"\0" * 999]
)
def test_decode_of_other_bytes_raises_invalid_image(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=r"empty|not an image|damaged"):
        read_image(data, LIMIT)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("tenth", range(1, 10))
def test_decode_of_truncated_file_raises_invalid_image(format_: str, tenth: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), format_)
    with pytest.raises(InvalidImage):
        read_image(data[: len(data) * tenth // 10], LIMIT)


def test_decode_of_truncated_jpeg_names_the_damage() -> None:
    with pytest.raises(InvalidImage, match="truncated or damaged"):
        read_image(ASTRONAUT.read_bytes()[:20000], LIMIT)


@pytest.mark.parametrize(
    "text",
    [b"P6 and P5", b"P1 is first", b"Python 3", b"BMW, an article", b"The wide river", b"\nA line", b"IIR filters"],
)
def test_decode_of_text_that_begins_like_an_image_names_the_text(text: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="texts"):
        read_image(text * 10, LIMIT)


@pytest.mark.parametrize(
    ("mode", "kind"), [("I", "32-bit signed integers"), ("F", "32-bit floats"), ("LAB", "photometric interpretation 8")]
)
def test_decode_of_pixel_type_without_rgb_conversion_raises_unsupported_image(mode: str, kind: str) -> None:
    with pytest.raises(UnsupportedImage, match=kind):
        read_image(encode(Image.new(mode, (4, 4)), "TIFF"), LIMIT)


@pytest.mark.parametrize("orientation", [1, 6])
def test_decode_with_image_size_returns_smaller_image_and_full_size(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encode(halves().resize((2000, 1000)), "JPEG", exif=exif)
    photo = read_image(data, 2_000_000, image_size=300)
    assert photo.size == ((2000, 1000) if orientation == 1 else (1000, 2000))
    assert photo.image.size == ((500, 250) if orientation == 1 else (250, 500))


@pytest.mark.parametrize(("image_size", "long_side"), [(500, 500), (501, 1000), (1001, 2000), (5000, 2000)])
def test_decode_with_image_size_keeps_that_many_pixels(image_size: int, long_side: int) -> None:
    data = encode(halves().resize((2000, 1000)), "JPEG")
    assert max(read_image(data, 2_000_000, image_size).image.size) == long_side


def test_decode_of_gif_whose_first_frame_is_smaller_than_its_canvas_is_white_around_it() -> None:
    red = encode(Image.new("RGB", (4, 4), "red"), "GIF")
    data = red[:6] + struct.pack("<HH", 10, 8) + red[10:]
    assert pixel(data, 1, 1) == RED
    assert pixel(data, 9, 7) == WHITE
    assert pixel(data, 4, 1) == WHITE


def test_decode_of_tiff_whose_first_page_is_reduced_returns_the_whole_page() -> None:
    pages = [Image.new("RGB", (10, 5), "lime"), Image.new("RGB", (40, 20), "red")]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1})
    assert pixel(data) == (0, 255, 0)  # all pages say that they are reduced
    entry = struct.pack("<HHII", 254, 4, 1, 1)
    last = data.rindex(entry)
    data = data[:last] + struct.pack("<HHII", 254, 4, 1, 0) + data[last + len(entry) :]
    assert read_image(data, LIMIT).size == (40, 20)
    assert pixel(data) == RED


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_decode_with_orientation_in_xmp_alone_does_not_turn(format_: str) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    if format_ == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        data = encode(halves(), "PNG", pnginfo=info)
    elif format_ == "TIFF":
        data = encode(halves(), "TIFF", tiffinfo={700: xmp})
    else:
        data = encode(halves(), format_, xmp=xmp)
    photo = read_image(data, LIMIT)
    assert photo.image.size == photo.size == (40, 20)


def test_decode_of_avif_with_unknown_feature_is_named_and_truncated_one_is_damaged() -> None:
    data = encode(halves(), "AVIF")
    broken = data.replace(b"av1C", b"xxxx")
    with pytest.raises(UnsupportedImage, match="AVIF is damaged, or has a feature"):
        read_image(broken, LIMIT)
    with pytest.raises(InvalidImage):
        read_image(data[:-10], LIMIT)
