"""How much memory the service takes: what a container's limit can be set from.

    python benchmarks/memory.py [--models mobile full] [--sizes 513 1024]

For each model and IMAGE_SIZE the real service is started with its other settings from the environment, and asked by as
many clients at once as it works on, with photos of 12 megapixels whose cut-outs they want at their own size. Prints the
most that its processes have had resident while loading and while working, and what they have at rest afterwards.
"""

import argparse
import io
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from PIL import Image

ROOT = Path(__file__).parent.parent
CLIENTS, REQUESTS = 16, 32


def kilobytes(pid: int, name: str) -> int:
    """Return the field `name` of /proc/PID/status."""
    status = Path(f"/proc/{pid}/status").read_text()
    [value] = (line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(value)


def megabytes(service: int, name: str) -> float:
    """Return the sum of the field `name` over `service` and its workers, in MB of 1,000,000 bytes."""
    children = Path(f"/proc/{service}/task/{service}/children").read_text().split()
    return sum(kilobytes(pid, name) for pid in (service, *map(int, children))) * 1024 / 1e6


def measure(model_type: str, image_size: int, photo: bytes) -> list[float]:
    """Return the peaks of loading and of working, and the memory at rest, in MB."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"MODEL_TYPE": model_type, "IMAGE_SIZE": str(image_size), "PORT": str(port), "REQUEST_TIMEOUT": "600"}
    command = [sys.executable, "app.py"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/health/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def ask(_: int) -> None:
        where = f"{url}/model/predict?output=cutout&size=original"
        requests.post(where, files={"image": photo}, timeout=900).raise_for_status()

    try:
        while not ready():
            if process.poll() is not None:
                sys.exit(f"the service ended with status {process.returncode}")
            time.sleep(0.2)
        loading = megabytes(process.pid, "VmHWM")
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(ask, range(REQUESTS)))
        return [loading, megabytes(process.pid, "VmHWM"), megabytes(process.pid, "VmRSS")]
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mobile", "full"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[513, 1024])
    arguments = parser.parse_args()
    with Image.open(ROOT / "assets" / "astronaut.jpg") as person:
        file = io.BytesIO()
        person.resize((4000, 3000)).save(file, "JPEG")
    print("| `MODEL_TYPE` | `IMAGE_SIZE` | peak, loading | peak, working | at rest |\n| --- | --- | --- | --- | --- |")
    for model_type in arguments.models:
        for image_size in arguments.sizes:
            found = measure(model_type, image_size, file.getvalue())
            print(f"| `{model_type}` | {image_size} | " + " | ".join(f"{value:.0f} MB" for value in found) + " |")


if __name__ == "__main__":
    main()
