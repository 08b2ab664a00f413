"""Colour profiles are applied, once, and those that can't be are ignored."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image, ImageCms

from core.image.decode import read_image
from core.types import UInt8Array
from tests.support.icc import ADOBE_RGB, DISPLAY_P3, matrix_profile
from tests.support.images import encode
from tests.support.paths import ASTRONAUT

Primaries: TypeAlias = tuple[tuple[float, float], ...]

LIMIT = 1_000_000
PHOTO = Image.open(ASTRONAUT).convert("RGB").resize((128, 128))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = matrix_profile(DISPLAY_P3, 2.2)


def pixels(data: bytes) -> UInt8Array:
    return np.asarray(read_image(data, LIMIT).image)


def difference(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    return float(np.abs(first.astype(int) - second).mean())


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB])
def test_decode_of_wide_gamut_photo_agrees_with_libvips(format_: str, primaries: Primaries) -> None:
    options = {"quality": 95} if format_ not in {"PNG", "TIFF"} else {}
    data = encode(PHOTO, format_, icc_profile=matrix_profile(primaries, 2.2), **options)
    expected = pyvips.Image.new_from_buffer(data, "").icc_transform("srgb", embedded=True).numpy()
    assert difference(pixels(data), expected) < 3
    assert difference(pixels(data), np.asarray(PHOTO)) > 3


def test_decode_of_srgb_photo_changes_no_pixel() -> None:
    assert np.array_equal(pixels(encode(PHOTO, "PNG", icc_profile=SRGB)), np.asarray(PHOTO))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "1"])
def test_decode_with_profile_of_other_kind_of_pixels_ignores_it(mode: str) -> None:
    format_ = "TIFF" if mode == "CMYK" else "PNG"
    image = PHOTO.convert(mode)
    expected = image.convert("RGB")
    if mode == "P":
        assert difference(pixels(encode(image, format_, icc_profile=P3)), np.asarray(expected)) > 1
    else:
        assert np.array_equal(pixels(encode(image, format_, icc_profile=P3)), np.asarray(expected))


@pytest.mark.parametrize("profile", [b"noise" * 100, P3[:200], P3[:100] + bytes(500), b"\0" * 128])
def test_decode_with_damaged_profile_ignores_it(profile: bytes) -> None:
    assert np.array_equal(pixels(encode(PHOTO, "PNG", icc_profile=profile)), np.asarray(PHOTO))


def test_decode_of_transparent_photo_converts_colours_before_blending() -> None:
    transparent = PHOTO.copy()
    transparent.putalpha(128)
    opaque = pixels(encode(PHOTO, icc_profile=P3)).astype(int)
    blended = pixels(encode(transparent, icc_profile=P3))
    assert difference(blended, (opaque * 128 + 255 * 127) // 255) < 1


def test_decoded_photo_has_no_profile() -> None:
    assert read_image(encode(PHOTO, "JPEG", icc_profile=P3), LIMIT).image.info == {}
