"""Ours against other ways to serve the same model: requests a second and their latency, over HTTP, in one run.

    python benchmarks/service.py [--rounds N] [--quick] [--table FILE.md]

A 4:3 JPEG of 1000 x 750, made from a sample photo, is posted by 1, 2, 4, 8 and 16 clients, each of which sends its next
request when it has its answer. All servers are up for the whole run and take turns: A B C A B C ..., one under load at
a time. Everything stays on 127.0.0.1.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import numpy as np
import requests
from PIL import Image, ImageOps
from urllib3 import encode_multipart_formdata

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.engines.report import Spread, ratio  # noqa: E402
from core.runtime.cpu import computes_bfloat16  # noqa: E402
from tests.conftest import Service, free_port, start_service  # noqa: E402

ORIGINAL = "original"
CLIENTS = (1, 2, 4, 8, 16)
SECONDS_TO_START = 120


@dataclass
class Load:
    """What `clients` clients got from one server: a list of latencies in seconds, and its length in time, by round."""

    latencies: list[list[float]] = field(default_factory=list)
    throughputs: list[float] = field(default_factory=list)  # answers per second
    refused: int = 0  # answers 503

    def percentile(self, percent: int) -> float:
        """Return the latency, in milliseconds, that so many percent of all requests stayed below."""
        return float(np.percentile(np.concatenate(self.latencies), percent)) * 1000


class Peer(Service):
    """A running server of this folder."""

    def stop(self) -> int:
        """End all its processes: LitServe's outlive the one that started them."""
        os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def start_peer(script: str, log: Path) -> Service:
    """Start a server of this folder and wait until it answers."""
    port = free_port()
    command = [sys.executable, str(ROOT / "benchmarks" / script), str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True, start_new_session=True)
    peer = Peer(process, port, 0)
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # The original answers nothing until it has its model, LitServe answers this with 503 until then.
            if requests.get(f"{peer.url}/health", timeout=5).status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                return peer
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    peer.stop()
    sys.exit(f"error: {script} did not start:\n{log.read_text()}")


SERVERS: dict[str, Callable[[Path], Service]] = {
    ORIGINAL: partial(start_peer, "original_server.py"),
    "LitServe, our engine, float32": partial(start_peer, "litserve_server.py"),
    "ours, float32": partial(start_service, PRECISION="float32"),
}
if computes_bfloat16():
    SERVERS["ours, bfloat16"] = partial(start_service, PRECISION="bfloat16")


def photo() -> bytes:
    """Return the JPEG that every request carries."""
    file = BytesIO()
    with Image.open(ROOT / "assets" / "astronaut.jpg") as image:
        ImageOps.fit(image, (1000, 750)).save(file, "JPEG", quality=90)
    return file.getvalue()


def agreement(services: dict[str, Service], jpeg: bytes) -> dict[str, float]:
    """Return the percentage of the photo's pixels where each server's label is the original's."""
    maps = {name: np.array(service.predict(jpeg).json()["seg_map"]) for name, service in services.items()}
    return {name: 100 * float(np.mean(seg_map == maps[ORIGINAL])) for name, seg_map in maps.items()}


def post_until(deadline: float, port: int, jpeg: bytes) -> tuple[list[float], int]:
    """Post `jpeg` again and again until `deadline`; return the seconds each answer took, and how many were 503.

    Plain http.client and a body made once, because the clients share the cores with what they measure.
    """
    body, content_type = encode_multipart_formdata({"image": ("photo.jpg", jpeg, "image/jpeg")})
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    latencies, refused = [], 0
    while (began := time.perf_counter()) < deadline:
        connection.request("POST", "/model/predict", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        answer.read()
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            refused += 1
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        elif answer.status == HTTPStatus.OK:
            latencies.append(time.perf_counter() - began)
        else:
            raise RuntimeError(f"expected 200 or 503, got {answer.status} {answer.reason}")
    connection.close()
    return latencies, refused


def press(load: Load, service: Service, jpeg: bytes, clients: int, seconds: float) -> None:
    """Add to `load` what so many clients get of `service` in so many seconds."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(post_until, [began + seconds] * clients, [service.port] * clients, [jpeg] * clients))
    elapsed = time.perf_counter() - began
    load.latencies.append([latency for latencies, _ in answers for latency in latencies])
    load.throughputs.append(len(load.latencies[-1]) / elapsed)
    load.refused += sum(refused for _, refused in answers)


def lines(loads: dict[int, dict[str, Load]], equal: dict[str, float], rounds: int) -> Iterator[str]:
    """Yield the lines of the Markdown."""
    yield f"Ratios to the original in the same round; throughput: median (quartiles) of {rounds} rounds.\n"
    yield "| clients | server | requests/s | p50 | p99 | refused | labels equal |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for clients, servers in loads.items():
        original = servers[ORIGINAL]
        for name, load in servers.items():
            p50, p99 = (load.percentile(percent) / original.percentile(percent) for percent in (50, 99))
            yield (
                f"| {clients} | {name} | {ratio(load.throughputs, original.throughputs)} | {p50:.2f} | {p99:.2f} "
                f"| {load.refused} | {equal[name]:.2f} % |"
            )
    yield "\nThe original itself, in this run:\n"
    yield "| clients | requests/s | p50 | p99 |"
    yield "| --- | --- | --- | --- |"
    for clients, servers in loads.items():
        original = servers[ORIGINAL]
        p50, p99 = (original.percentile(percent) for percent in (50, 99))
        yield f"| {clients} | {Spread.of(original.throughputs)} | {p50:.0f} ms | {p99:.0f} ms |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="default: 3, or 2 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--table", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (2 if arguments.quick else 3)
    seconds = 2 if arguments.quick else 8

    jpeg = photo()
    loads = {clients: {name: Load() for name in SERVERS} for clients in CLIENTS}
    services = {}
    with tempfile.TemporaryDirectory() as logs, ExitStack() as running:
        for name, start in SERVERS.items():
            services[name] = start(Path(logs) / name)
            running.callback(services[name].stop)
        equal = agreement(services, jpeg)
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, service in services.items():
                    press(loads[clients][name], service, jpeg, clients, seconds)
    table = "\n".join(lines(loads, equal, rounds))
    print(table)
    if arguments.table:
        arguments.table.write_text(f"{table}\n")


if __name__ == "__main__":
    main()
