"""Measures the memory of the service, for the memory limit of a container.

Starts the real service for each model and IMAGE_SIZE; its other settings come from the environment. 16 clients send
photos of 12 megapixels at once and ask for cut-outs at the size of the photo. Prints the peak of the resident memory of
its processes while it loads and while it works, and the resident memory afterwards, in MB of 1,000,000 bytes.
"""

import asyncio
import itertools
import sys

from PIL import Image

from benchmarks.options import argument_parser
from tests.support.http_client import form, post
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.paths import ASTRONAUT
from tests.support.service import running_service

CLIENTS, REQUESTS = 16, 32


async def measure(model_type: str, image_size: int, request: bytes) -> list[float]:
    """Return the peaks while loading and while working, and the memory at rest, in MB."""
    with running_service(MODEL_TYPE=model_type, IMAGE_SIZE=str(image_size), REQUEST_TIMEOUT="600") as service:
        loading = service.memory_megabytes("VmHWM")
        async with Client(service.port, timeout=900) as client:
            await client.closed_loop(itertools.repeat(request, REQUESTS), CLIENTS)
        if set(client.answers.statuses) != {200}:
            sys.exit(f"error: expected only answers 200, got {dict(client.answers.statuses)}")
        return [loading, service.memory_megabytes("VmHWM"), service.memory_megabytes()]


def main() -> None:
    parser = argument_parser("benchmarks.http.memory", __doc__)
    parser.add_argument("--models", nargs="+", default=["mobile", "full"], help="default: mobile full")
    parser.add_argument("--sizes", type=int, nargs="+", default=[513, 1024], help="default: 513 1024")
    arguments = parser.parse_args()
    with Image.open(ASTRONAUT) as photo:
        jpeg = encode(photo.resize((4000, 3000)), "JPEG")
    request = post(form(jpeg), "/model/predict?output=cutout&size=original")
    print("| `MODEL_TYPE` | `IMAGE_SIZE` | peak, loading | peak, working | at rest |\n| --- | --- | --- | --- | --- |")
    for model_type in arguments.models:
        for image_size in arguments.sizes:
            found = asyncio.run(measure(model_type, image_size, request))
            print(f"| `{model_type}` | {image_size} | " + " | ".join(f"{value:.0f} MB" for value in found) + " |")


if __name__ == "__main__":
    main()
