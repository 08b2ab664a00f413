"""Resizing to the model's input, with the arithmetic of the original service."""

from PIL import Image

from core.image.decode import Photo


def resized(photo: Photo, long_side: int) -> Image.Image:
    """Return the image of `photo`, RGB, with a long side of `long_side` pixels.

    The short side is proportional to the size of the photo as it was sent, rounded down, and at least 1 pixel: the
    arithmetic of the original service. So is the filter, Lanczos.
    """
    width, height = (max(1, side * long_side // max(photo.size)) for side in photo.size)
    return photo.image.resize((width, height), Image.Resampling.LANCZOS)
