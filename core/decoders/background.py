"""A photo and the picture behind its cut-out: two files of one request."""

from contextlib import ExitStack
from dataclasses import replace

from core.decoders.decoder_pool import DecoderPool, Picture
from core.errors import DecoderLost, ImageTooLarge, InvalidImage, UnsupportedImage
from core.types import UInt8Array


def read_pictures(
    decoders: DecoderPool, opened: ExitStack, upload: bytes, background: bytes | UInt8Array | None, *, keep_photo: bool
) -> Picture:
    """Return the photo in the image file `upload`, with the picture `background`, a file or its pixels, unless None.

    The pixels stay until `opened` is closed. Raises as DecoderPool.read(); an error of the background names it.
    """
    if not isinstance(background, bytes):
        picture = opened.enter_context(decoders.read(upload, keep_photo=keep_photo))
        return replace(picture, background=background)
    # Requests that held a decoder process each while they wait for a second one could wait forever.
    with decoders.read(upload, keep_photo=keep_photo) as picture:
        image = picture.image.copy()
        photo = picture.photo.copy() if keep_photo else image
    try:
        behind = opened.enter_context(decoders.read(background, keep_photo=True))
    except (InvalidImage, UnsupportedImage, ImageTooLarge, DecoderLost) as error:
        raise type(error)(f"background: {error}") from error
    return replace(picture, image=image, photo=photo, background=behind.photo)
