"""A segmentation as the body of an answer."""

import gzip

import orjson
from flask import Response, request

from core.model import Segmentation


def map_response(segmentation: Segmentation) -> Response:
    """Return the JSON object of `status`, `image_size` [width, height] and `seg_map`, rows of class ids."""
    return gzipped(Response(map_body(segmentation), mimetype="application/json"))


def map_body(segmentation: Segmentation) -> bytes:
    """Return map_response's JSON, straight from the array."""
    body = {"status": "ok", "image_size": segmentation.image_size, "seg_map": segmentation.seg_map}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def gzipped(response: Response) -> Response:
    """Compress the body of `response` if the current request accepts that."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        # A map is so regular that the fastest level makes it a hundred times smaller; higher ones only cost time.
        response.set_data(gzip.compress(response.get_data(), compresslevel=1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
