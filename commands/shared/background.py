"""The picture behind cut-outs: a file that the option --background names."""

import math
from pathlib import Path

from commands.shared.errors import reason
from commands.shared.photos import read_limited
from config import Settings
from core.decoders.decoder_pool import DecoderPool
from core.errors import InvalidRequest, SegmenterError
from core.types import UInt8Array


def read_background(file: Path, settings: Settings) -> UInt8Array:
    """Return the picture in `file`, uint8 [height, width, 3]. Raises InvalidRequest if it can't be decoded.

    So a wrong file ends a command before any work, and all photos share the pixels.
    """
    try:
        with file.open("rb") as opened:
            data = read_limited(opened, settings.max_upload_bytes)
        decoders = DecoderPool(settings.image_size, settings.max_image_pixels, math.inf)
        try:
            with decoders.read(data, keep_photo=True) as picture:
                return picture.photo.copy()
        finally:
            for process in decoders.processes:
                process.end()
    except (SegmenterError, OSError) as error:
        raise InvalidRequest(f"--background: {file}: {reason(error)}") from error
