"""Colour: the pixels of a decoded image become RGB in the colour space sRGB."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.createProfile("sRGB")
# The modes that profiles describe, by the signature of the profile's colour space (ICC.1:2022, 7.2.6).
PROFILED_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Modes that are converted first: without alpha, a palette, or fewer than 8 bits.
OPAQUE_MODES = {"1": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "YCbCr": "RGB"}
# A profile that changes no sample by more, of 255, is not applied; that saves 35 ns per pixel.
INVISIBLE = 2
STEPS = range(0, 256, 51)
SAMPLES = {
    "RGB": np.array([[(r, g, b) for r in STEPS for g in STEPS for b in STEPS]], np.uint8),
    "L": np.arange(256, dtype=np.uint8)[np.newaxis],
}


def to_srgb(image: Image.Image, told: bytes = b"") -> Image.Image:
    """Return `image`, of at most 8 bits per channel, in mode RGB: converted to sRGB, and blended with white.

    A colour profile that is damaged, or describes another kind of pixels, is ignored. `told` replaces the image's, and
    is one of RGB.
    """
    if image.mode == "La":
        image = image.convert("LA")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
        alpha = image.getchannel("A")
    profile = told or image.info.get("icc_profile")
    if image.mode in OPAQUE_MODES:
        image = image.convert(OPAQUE_MODES[image.mode])
    if told:
        image = image.convert("RGB")
    if profile and (transform := _transform(profile, image.mode)):
        image = transform.apply(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {}
    if alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white


@lru_cache(maxsize=8)  # the photos of a kind of camera have the same profile
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion of images in `mode` from the ICC `profile` to sRGB; None if it has none that is seen."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if PROFILED_MODES.get(source.profile.xcolor_space) != mode:
            return None
        intent = ImageCms.Intent(ImageCms.getDefaultIntent(source))
        transform = ImageCms.buildTransform(source, SRGB, mode, "RGB", intent)
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None
    if mode in SAMPLES:
        samples = Image.fromarray(SAMPLES[mode])
        changes = np.asarray(transform.apply(samples)).astype(int) - np.asarray(samples.convert("RGB"))
        if np.abs(changes).max() <= INVISIBLE:
            return None
    return transform
