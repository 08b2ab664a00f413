"""The time that the encoder of an answer takes alone, by encoding its content again."""

import base64
import gzip
import io
import time
from collections.abc import Callable
from functools import partial

import orjson
import requests
from PIL import Image

from core.output.encode import JSON, PNG, SAVE_OPTIONS, SVG
from core.types import UInt8Array


def encoder_seconds(response: requests.Response, labels: UInt8Array | None) -> float:
    """Return the CPU seconds that the encoder of `response` takes alone; `labels` are those of its picture."""
    encoders: list[Callable[[], object]] = []
    mimetype = response.headers["Content-Type"]
    if mimetype.startswith(SVG):
        pass  # its text is the service's own work
    elif mimetype != JSON:
        encoders.append(picture_encoder(response.content, mimetype))
    elif labels is not None and b'"seg_map"' in response.content[:100]:
        encoders.append(partial(orjson.dumps, labels, option=orjson.OPT_SERIALIZE_NUMPY))
    else:
        document = orjson.loads(response.content)
        encoders.append(partial(orjson.dumps, document))
        if isinstance(document, list):
            masks = [base64.b64decode(one["mask"]) for one in document]
            encoders += [picture_encoder(mask, PNG) for mask in masks] + [partial(base64.b64encode, m) for m in masks]
    if response.headers.get("Content-Encoding") == "gzip":
        encoders.append(partial(gzip.compress, response.content, 1))
    began = time.process_time()
    for encoder in encoders:
        encoder()
    return time.process_time() - began


def picture_encoder(file: bytes, mimetype: str) -> Callable[[], object]:
    """Return a function that encodes the picture in `file` again, with the options of the service."""
    image = Image.open(io.BytesIO(file))
    image.load()
    return lambda: image.save(io.BytesIO(), **SAVE_OPTIONS[mimetype])
