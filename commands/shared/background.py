"""The picture behind cut-outs: a file that the option --background names."""

import math
from pathlib import Path

from commands.shared.errors import reason
from commands.shared.photos import read_limited
from config import Settings
from core.decoders.decoder_pool import DecoderPool
from core.errors import InvalidRequest, SegmenterError


def read_background(file: Path, settings: Settings) -> bytes:
    """Return the bytes of the picture in `file`. Raises InvalidRequest if a model of `settings` can't decode it.

    So a wrong file ends a command before any work, and not each photo.
    """
    try:
        with file.open("rb") as opened:
            data = read_limited(opened, settings.max_upload_bytes)
        decoders = DecoderPool(settings.image_size, settings.max_image_pixels, math.inf)
        try:
            with decoders.read(data):
                return data
        finally:
            for process in decoders.processes:
                process.end()
    except (SegmenterError, OSError) as error:
        raise InvalidRequest(f"--background: {file}: {reason(error)}") from error
