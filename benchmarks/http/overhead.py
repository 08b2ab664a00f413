"""What HTTP costs: the time of a request to the real service against the session call alone, in the same run.

    python benchmarks/overhead.py [--runs 30]

A 1200 x 600 JPEG made from the sample photo goes through the running service (decode, resize, inference, JSON) and,
in turn, its resized pixels go straight into a session of this process. Prints the medians in milliseconds.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import requests
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from config import Settings  # noqa: E402
from core.runtime.engine import Engine  # noqa: E402
from core.graph.load import read_graph  # noqa: E402
from core.types import EngineOptions  # noqa: E402
from core.weights.registry import MOBILE  # noqa: E402
from tests.conftest import start_service  # noqa: E402


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs

    photo = Image.open(ROOT / "assets" / "astronaut.jpg").resize((1200, 600))
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90)
    pixels = np.asarray(photo.resize((513, 256), Image.Resampling.LANCZOS))
    engine = Engine(read_graph(MOBILE), EngineOptions(Settings().threads))

    with tempfile.TemporaryDirectory() as folder:
        service = start_service(Path(folder) / "log")
        http, session = [], []
        with requests.Session() as client:

            def post() -> None:
                client.post(f"{service.url}/model/predict", files={"image": file.getvalue()}).raise_for_status()

            for _ in range(runs + 3):
                http.append(milliseconds(post))
                session.append(milliseconds(lambda: engine.run(pixels)))
        service.stop()
    over_http, alone = statistics.median(http[3:]), statistics.median(session[3:])
    print(f"over HTTP {over_http:.1f} ms, session alone {alone:.1f} ms, difference {over_http - alone:.1f} ms")


if __name__ == "__main__":
    main()
