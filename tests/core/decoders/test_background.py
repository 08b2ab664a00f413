"""Two files of one request: the photo and the picture behind its cut-out."""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image

from core.decoders.background import read_pictures
from core.decoders.decoder_pool import DecoderPool
from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.image.decode import read_image
from core.image.resize import resized
from core.types import UInt8Array
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA

CAT, PERSON = CHELSEA.read_bytes(), ASTRONAUT.read_bytes()


@pytest.fixture(scope="module")
def pool() -> DecoderPool:
    """A pool of one decoder process."""
    return DecoderPool(65, 10**6, 600)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def photo_of(data: bytes) -> UInt8Array:
    return np.asarray(read_image(data, 10**6).image)


@pytest.mark.parametrize("keep_photo", [False, True])
def test_photo_and_background_are_there_together_with_one_process(
    pool: DecoderPool, opened: ExitStack, *, keep_photo: bool
) -> None:
    picture = read_pictures(pool, opened, CAT, PERSON, keep_photo=keep_photo)
    image = np.asarray(resized(read_image(CAT, 10**6, None if keep_photo else 65), 65, reduce_first=keep_photo))
    assert picture.background is not None
    assert np.array_equal(picture.image, image)
    assert np.array_equal(picture.photo, photo_of(CAT) if keep_photo else image)
    assert np.array_equal(picture.background, photo_of(PERSON))


def test_background_that_is_decoded_already_is_taken_as_it_is(pool: DecoderPool, opened: ExitStack) -> None:
    pixels = photo_of(PERSON)
    picture = read_pictures(pool, opened, CAT, pixels, keep_photo=True)
    assert picture.background is pixels
    assert np.array_equal(picture.photo, photo_of(CAT))


def test_background_is_upright_and_transparent_pixels_are_white(pool: DecoderPool, opened: ExitStack) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    clear = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 20, 20))
    background = read_pictures(pool, opened, CAT, encode(clear, exif=exif), keep_photo=False).background
    assert background is not None
    assert background.shape == (40, 20, 3)
    assert (background[:20] == (0, 0, 255)).all()
    assert (background[20:] == 255).all()


@pytest.mark.parametrize(
    ("background", "error", "message"),
    [
        (b"", InvalidImage, "background: the image is empty"),
        (PERSON[:5000], InvalidImage, "background: the image is truncated or damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(100), UnsupportedImage, "background: HEIC"),
        (encode(Image.new("L", (1001, 1000))), ImageTooLarge, "background: the image has 1.0 megapixels; at most 1"),
    ],
    ids=["empty", "truncated", "HEIC", "large"],
)
def test_background_that_can_not_be_decoded_is_named(
    pool: DecoderPool, opened: ExitStack, background: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        read_pictures(pool, opened, CAT, background, keep_photo=True)
    # The process is free again.
    assert read_pictures(pool, opened, CAT, None, keep_photo=False).background is None


def test_photo_at_fault_is_not_named_as_the_background(pool: DecoderPool, opened: ExitStack) -> None:
    with pytest.raises(InvalidImage, match=r"^the image is truncated"):
        read_pictures(pool, opened, CAT[:5000], PERSON, keep_photo=True)
