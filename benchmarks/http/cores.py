"""Counts the CPU time of a request by kind of thread: what bounds a process that has more cores than can be had.

Only one thread of a process runs Python at a time. So a process answers no more requests per second than the CPU time
that one costs in Python allows, whatever its cores. 4 clients post a JPEG of 500 x 375 pixels, made from a sample
photo. Prints for each request the milliseconds of the event loop, Flask's threads, the threads of the queue, the HTTP
server, the inference and the decoder processes; the bound that follows; and the number of cores that it fills, above
which several containers answer more than one.

The threads of the queue count whole, although parts of them (encoders, waiting for a session) let other threads run
Python: the bound is a careful one. With --instant, the model answers at once, and the rate of the service is printed
too: near the bound if the clients leave it the cores.
"""

import asyncio
import itertools
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from PIL import Image

from benchmarks.options import argument_parser
from tests.support.http_client import form, post
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.paths import ASTRONAUT
from tests.support.processes import cpu_seconds, descendants
from tests.support.service import ServiceProcess, running_service

CLIENTS = 4
# IMAGE_SIZE and the path of each request.
REQUESTS = (
    ("129", "/model/predict"),
    ("257", "/model/predict"),
    ("513", "/model/predict"),
    ("513", "/model/predict?output=mask"),
    ("513", "/model/predict?output=overlay&size=original"),
)
# The columns, and how the names of their threads begin. TensorFlow's have any name, and the decoders are processes.
PYTHON = {"event loop": "MainThread", "Flask": "ThreadPoolExecutor", "queue": "engine"}
HTTP, INFERENCE, DECODERS = "HTTP server", "inference", "decoders"
COLUMNS = (*PYTHON, HTTP, INFERENCE, DECODERS)


def kind(name: str) -> str:
    """Return the column of a thread."""
    if name.startswith("tokio"):
        return HTTP
    return next((column for column, start in PYTHON.items() if name.startswith(start)), INFERENCE)


def seconds_by_thread(pid: int) -> dict[int, tuple[str, float]]:
    """Return the name that the kernel knows of each thread of a process, and its CPU seconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    # The first field of schedstat are nanoseconds; utime and stime of stat are hundredths of a second.
    return {
        int(task.name): (
            (task / "comm").read_text().strip(),
            int((task / "schedstat").read_text().split()[0]) / 1e9,
        )
        for task in tasks
    }


class Meter:
    """Sends `request` to `service`, whose Python threads are in the file `listed`."""

    def __init__(self, service: ServiceProcess, request: bytes, listed: Path) -> None:
        self._service, self._request, self._listed = service, request, listed
        [self._worker] = service.workers

    def _seconds(self) -> dict[str, float]:
        names = dict(line.split(" ", 1) for line in self._listed.read_text().splitlines())
        seconds: defaultdict[str, float] = defaultdict(float)
        for thread, (command, used) in seconds_by_thread(self._worker).items():
            name = "MainThread" if thread == self._worker else names.get(str(thread), command)
            seconds[kind(name)] += used
        seconds[DECODERS] = sum(cpu_seconds(pid) for pid in descendants(self._worker))
        return seconds

    def _load(self, seconds: float) -> tuple[Client, float]:
        client = Client(self._service.port)
        return client, asyncio.run(client.closed_loop(itertools.repeat(self._request), CLIENTS, seconds))

    def measure(self, seconds: float) -> tuple[dict[str, float], float]:
        """Return the CPU milliseconds of a request by column, and the requests per second."""
        self._load(1)
        before = self._seconds()
        client, rate = self._load(seconds)
        if set(client.answers.statuses) != {200}:
            raise RuntimeError(f"expected only answers 200, got {dict(client.answers.statuses)}")
        used, count = self._seconds(), client.answers.statuses[200]
        return {column: 1000 * (used[column] - before[column]) / count for column in COLUMNS}, rate


def main() -> None:
    parser = argument_parser("benchmarks.http.cores", __doc__)
    parser.add_argument("--seconds", type=float, default=5, help="seconds of load for each request; default: 5")
    parser.add_argument("--instant", action="store_true", help="let the model answer at once")
    arguments = parser.parse_args()

    photo = encode(Image.open(ASTRONAUT).convert("RGB").resize((500, 375)), "JPEG", quality=90)
    rate_column = " requests/s |" if arguments.instant else ""
    print(f"| IMAGE_SIZE | request | {' | '.join(f'{name}, ms' for name in COLUMNS)} | at most | cores |{rate_column}")
    print("| --- " * (len(COLUMNS) + 4 + arguments.instant) + "|")
    for image_size, path in REQUESTS:
        with tempfile.TemporaryDirectory() as folder:
            listed = Path(folder, "threads")
            environment = {"IMAGE_SIZE": image_size, "THREADS_FILE": str(listed)}
            if arguments.instant:
                environment["ENGINE"] = "instant"
            server = [sys.executable, "-m", "benchmarks.http.threads_server"]
            with running_service(server, **environment) as service:
                meter = Meter(service, post(form(photo), path), listed)
                costs, rate = meter.measure(arguments.seconds)
        python = sum(costs[column] for column in PYTHON)
        cells = (*(f"{cost:.1f}" for cost in costs.values()), f"{1000 / python:.0f}/s")
        last = f" {rate:.0f} |" if arguments.instant else ""
        print(
            f"| {image_size} | `{path}` | {' | '.join(cells)} | {sum(costs.values()) / python:.0f} |{last}", flush=True
        )


if __name__ == "__main__":
    main()
