"""Content negotiation: the representation and the compression that a request accepts."""

import gzip
from functools import partial

from flask import Response, request

from api.parameters import Parameters
from core.output.encode import (
    ENCODERS,
    JPEG,
    JSON,
    PNG,
    WEBP,
    Encoded,
    Encoder,
    encode_overlay_jpeg,
)


def default_output() -> str:
    """Return the output of a request that names none: the map, or the mask if it accepts PNG but not JSON."""
    accept = request.accept_mimetypes
    return "mask" if accept.quality(PNG) > 0 and not accept.quality(JSON) else "map"


def encoder_for(output: str, parameters: Parameters) -> Encoder:
    """Return the encoder of `output` for the media type that the current request prefers, with its options.

    Raises InvalidRequest if an option in `parameters` is not allowed, even one of another output.
    """
    options = {"cutout": parameters.cutout_options(), "objects": parameters.objects_options()}
    accept = request.accept_mimetypes
    if output == "overlay" and accept.quality(JPEG) > accept.quality(PNG):
        return encode_overlay_jpeg
    if output == "cutout" and accept.quality(WEBP) > accept.quality(PNG):
        options["cutout"]["mimetype"] = WEBP
    return partial(ENCODERS[output], **options[output]) if output in options else ENCODERS[output]


def respond(encoded: Encoded) -> Response:
    """Return the response with `encoded`; JSON is compressed if the current request accepts gzip."""
    response = Response(encoded.content, mimetype=encoded.mimetype)
    response.vary.add("Accept")
    if encoded.mimetype == JSON:
        response.vary.add("Accept-Encoding")
        if request.accept_encodings.quality("gzip") > 0:
            # Label maps are so regular that level 1 makes them a hundred times smaller; higher levels only cost time.
            response.set_data(gzip.compress(encoded.content, compresslevel=1, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response
