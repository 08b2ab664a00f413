"""The picture that all files show, and what its samples are in each kind of pixels."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import UInt8Array

# Name, file and true pixels as RGB.
Cells: TypeAlias = Iterable[tuple[str, bytes, UInt8Array]]

HEIGHT, WIDTH = 32, 48
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
COLOUR = np.stack(
    [X * 255 // (WIDTH - 1), Y * 255 // (HEIGHT - 1), (X + Y) * 255 // (WIDTH + HEIGHT - 2)], axis=2
).astype(np.uint8)
GREY = COLOUR[..., 2:]
ALPHA = np.select([X < WIDTH // 3, X < 2 * WIDTH // 3], [0, 128], 255).astype(np.uint8)[..., np.newaxis]
PHOTO = Image.fromarray(COLOUR)
PALETTE_OF_256 = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
# The EXIF orientation of a file that shows the upright pixels: their inverse, as EXIF 2.32 defines them.
TURNS: dict[int, Callable[[Any], Any]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


def to_bits(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Return `pixels`, 0 to 255, as samples of `bits` bits."""
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return (pixels.astype(np.uint64) * ((1 << bits) - 1) // 255).astype(kind)


def shown(samples: npt.NDArray[Any], bits: int) -> UInt8Array:
    """Return the RGB pixels that grey or colour `samples` of `bits` bits mean."""
    pixels = (samples.astype(np.uint64) * 255 // ((1 << bits) - 1)).astype(np.uint8)
    return np.repeat(pixels, 3 // pixels.shape[2], axis=2)


def on_white(pixels: UInt8Array, alpha: npt.NDArray[Any]) -> UInt8Array:
    """Return `pixels`, grey or RGB, blended with white."""
    blended = pixels * (alpha / 255) + 255 - alpha
    return np.repeat(blended, 3 // pixels.shape[2], axis=2).astype(np.uint8)


def with_alpha(pixels: UInt8Array) -> UInt8Array:
    """Return `pixels` with ALPHA as a further channel."""
    return np.concatenate([pixels, ALPHA], axis=2)


def srgb(light: npt.NDArray[Any]) -> UInt8Array:
    """Return linear light, 0 to 1, as sRGB (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    return (
        (255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).round().astype(np.uint8)
    )
