"""Measures the overhead of HTTP: a request to the real service against the inference alone.

A JPEG of 1200 x 600 pixels, made from a sample photo, goes to a running service, which decodes, resizes, segments and
encodes it. In turn, the resized pixels go to a session in this process. Prints the medians in milliseconds.
"""

import numpy as np
import requests
from PIL import Image

from benchmarks.measure import interleaved
from benchmarks.options import argument_parser
from config import Settings
from core.graph.frozen_graph import read_graph
from core.runtime.engine import Engine
from core.types import EngineOptions
from core.weights.registry import MOBILE
from tests.support.images import encode
from tests.support.paths import ASTRONAUT
from tests.support.service import running_service


def main() -> None:
    parser = argument_parser("benchmarks.http.overhead", __doc__)
    parser.add_argument("--runs", type=int, default=30, help="number of timed requests; default: 30")
    runs = parser.parse_args().runs

    photo = Image.open(ASTRONAUT).resize((1200, 600))
    jpeg = encode(photo, "JPEG", quality=90)
    pixels = np.asarray(photo.resize((513, 256), Image.Resampling.LANCZOS))
    engine = Engine(read_graph(MOBILE), EngineOptions(Settings().threads))

    with running_service() as service, requests.Session() as client:

        def post() -> None:
            client.post(f"{service.url}/model/predict", files={"image": jpeg}).raise_for_status()

        http, session = interleaved(runs, post, lambda: engine.run(pixels), warm_up=3)
    print(f"over HTTP {http:.1f} ms, session alone {session:.1f} ms, difference {http - session:.1f} ms")


if __name__ == "__main__":
    main()
