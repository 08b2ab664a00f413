"""How much memory the service takes: what a container's limit can be set from.

    python benchmarks/memory.py [--models mobile full] [--sizes 513 1024]

For each model and IMAGE_SIZE the real service is started with its other settings from the environment, and asked by as
many clients at once as it works on, with photos of 12 megapixels whose cut-outs they want at their own size. Prints the
most that its processes have had resident while loading and while working, and what they have at rest afterwards.
"""

import argparse
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.service import running
from tests.conftest import ASTRONAUT

CLIENTS, REQUESTS = 16, 32


def measure(model_type: str, image_size: int, photo: bytes) -> list[float]:
    """Return the peaks of loading and of working, and the memory at rest, in MB."""
    with running(MODEL_TYPE=model_type, IMAGE_SIZE=str(image_size), REQUEST_TIMEOUT="600") as service:
        url = f"http://127.0.0.1:{service.port}/model/predict?output=cutout&size=original"

        def ask(_: int) -> None:
            requests.post(url, files={"image": photo}, timeout=900).raise_for_status()

        loading = service.megabytes("VmHWM")
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(ask, range(REQUESTS)))
        return [loading, service.megabytes("VmHWM"), service.megabytes()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mobile", "full"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[513, 1024])
    arguments = parser.parse_args()
    with Image.open(ASTRONAUT) as person:
        file = io.BytesIO()
        person.resize((4000, 3000)).save(file, "JPEG")
    print("| `MODEL_TYPE` | `IMAGE_SIZE` | peak, loading | peak, working | at rest |\n| --- | --- | --- | --- | --- |")
    for model_type in arguments.models:
        for image_size in arguments.sizes:
            found = measure(model_type, image_size, file.getvalue())
            print(f"| `{model_type}` | {image_size} | " + " | ".join(f"{value:.0f} MB" for value in found) + " |")


if __name__ == "__main__":
    main()
