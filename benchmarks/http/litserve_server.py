"""Serves our engine with LitServe: its four methods, one worker, JSON by the fastest encoder.

The port is the environment variable PORT.
"""

# LitServe has no types, and `make check` does not install it.
# mypy: disable-error-code="import-not-found"

import os

import numpy as np
import orjson
from litserve import LitAPI, LitServer
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.engines.backends import CANVAS, open_ours, resized
from config import Settings
from core.types import UInt8Array
from core.weights.registry import MOBILE


class Predict(LitAPI):
    def setup(self, _device: str) -> None:
        settings = Settings()  # the defaults of the service
        self._run = open_ours(MOBILE, settings.threads, canvas=settings.canvas, precision=settings.precision)
        self._run(np.zeros((CANVAS, CANVAS, 3), np.uint8))

    def decode_request(self, request: Request) -> UInt8Array:
        return resized(Image.open(request["image"].file), CANVAS)

    def predict(self, image: UInt8Array) -> UInt8Array:
        return self._run(image)

    def encode_response(self, seg_map: UInt8Array) -> Response:
        height, width = seg_map.shape
        body = {"status": "ok", "image_size": [width, height], "seg_map": seg_map}
        return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


if __name__ == "__main__":
    server = LitServer(Predict(api_path="/model/predict"), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
