"""Our engine as a user of LitServe would serve it: its four verbs, one worker, JSON by the fastest encoder.

python benchmarks/litserve_server.py PORT
"""

# LitServe has no types, and is not installed where types are checked.
# mypy: disable-error-code="import-not-found"

import sys
from pathlib import Path

import numpy as np
import orjson
from litserve import LitAPI, LitServer
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.engines.backends import CANVAS, load_ours, resized  # noqa: E402
from config import Settings  # noqa: E402
from core.types import UInt8Array  # noqa: E402


class Predict(LitAPI):
    def setup(self, _device: str) -> None:
        settings = Settings()  # the service's own defaults
        self._run = load_ours(Path(), settings.threads, canvas=settings.canvas, precision=settings.precision)
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
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
