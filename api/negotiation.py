"""Content negotiation: the representation and the compression that a request accepts."""

import zlib
from dataclasses import replace

from flask import Response, request

from core.checkpoint import checkpoint
from core.output.encode import JSON, PNG, Encoded, Encoder
from core.output.segmentation import Segmentation
from core.outputs import OUTPUTS

# Label maps are so regular that level 1 makes them a hundred times smaller; higher levels only cost time.
GZIP_LEVEL, GZIP_FORMAT = 1, 16 + zlib.MAX_WBITS
PIECE = 1 << 22  # bytes that are compressed between two checkpoints


def default_output() -> str:
    """Return the output of a request that names none: the map, or the mask if it accepts PNG but not JSON."""
    accept = request.accept_mimetypes
    return "mask" if accept.quality(PNG) > 0 and not accept.quality(JSON) else "map"


def accepted(output: str) -> list[str]:
    """Return the media types of `output` that the current request accepts, best first; the default one if it has none.

    Of equally good media types, the first one of the output comes first.
    """
    accept, known = request.accept_mimetypes, list(OUTPUTS[output].encoders)
    return sorted(filter(accept.quality, known), key=accept.quality, reverse=True) or known[:1]


def compressing(encode: Encoder) -> Encoder:
    """Return the encoder `encode`, whose JSON is compressed if the current request accepts gzip.

    So the work of the compression ends with the request, as that of every encoder.
    """
    if not request.accept_encodings.quality("gzip") > 0:
        return encode

    def compressed(segmentation: Segmentation) -> Encoded:
        encoded = encode(segmentation)
        return _compressed(encoded) if encoded.mimetype == JSON else encoded

    return compressed


def _compressed(encoded: Encoded) -> Encoded:
    compressor, pieces, content = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_FORMAT), [], memoryview(encoded.content)
    for start in range(0, len(content), PIECE):
        checkpoint()
        pieces.append(compressor.compress(content[start : start + PIECE]))
    return replace(encoded, content=b"".join([*pieces, compressor.flush()]), headers={"Content-Encoding": "gzip"})


def respond(encoded: Encoded) -> Response:
    """Return the response with `encoded`."""
    response = Response(encoded.content, mimetype=encoded.mimetype)
    response.vary.add("Accept")
    if encoded.mimetype == JSON:
        response.vary.add("Accept-Encoding")
    response.headers.update(encoded.headers)
    return response
