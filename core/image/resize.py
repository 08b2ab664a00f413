"""Resizing to the model's input, with the arithmetic of the original service."""

from PIL import Image

from core.image.decode import Photo


def fitted(size: tuple[int, int], image_size: int) -> tuple[int, int]:
    """Return the width and height of a photo of `size`, resized to a long side of `image_size` pixels.

    The short side is proportional, rounded down, and at least 1 pixel: the arithmetic of the original service.
    """
    width, height = (max(1, side * image_size // max(size)) for side in size)
    return width, height


def resized(photo: Photo, image_size: int, *, reduce_first: bool = False) -> Image.Image:
    """Return the image of `photo`, RGB, with a long side of `image_size` pixels.

    The short side is that of fitted() for the photo as it was sent. The LANCZOS filter is the original service's.

    With `reduce_first`, a large image is first reduced by a box filter to a half, a quarter or an eighth, as long as
    that keeps `image_size` pixels. It is the counterpart of decoding a JPEG at that fraction (see read_image()), for an
    image that is also needed at its full size, and takes a fifth of the time: 30 instead of 165 ms for 12 megapixels.
    """
    image, box = photo.image, None
    factor = max(factor for factor in (1, 2, 4, 8) if factor == 1 or factor * image_size <= max(image.size))
    if reduce_first and factor > 1:
        box = (0.0, 0.0, image.width / factor, image.height / factor)
        image = image.reduce(factor)
    return image.resize(fitted(photo.size, image_size), Image.Resampling.LANCZOS, box)
