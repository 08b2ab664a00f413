"""Starts servers for tests, benchmarks and fuzzers, and ends all their processes."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.processes import (
    children,
    cpu_seconds,
    descendants,
    kill_session,
    memory_megabytes,
    process_group,
    proportional_megabytes,
)

APP = (sys.executable, "app.py")
# Seconds for a start, a response or a shutdown on a slow or busy machine. A healthy service needs a few.
TIMEOUT = 300
LOG_TAIL = 5000


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that no process uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], seconds: float = TIMEOUT) -> None:
    """Call `condition` until it returns True. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition did not become true in {seconds} s")
        time.sleep(0.005)


@dataclass
class ServiceProcess:
    """A server that was started on a port of 127.0.0.1; `ready_path` answers 200 when it is ready."""

    process: "subprocess.Popen[str]"
    port: int
    ready_path: str = "/health/ready"

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """The process ids of the server's worker processes."""
        return children(self.process.pid)

    def predict(self, image: bytes, **options: object) -> requests.Response:
        """Post `image` to /model/predict; `options` are those of requests.post()."""
        url = f"{self.url}/model/predict"
        return requests.post(url, files={"image": image}, timeout=TIMEOUT, **options)  # type: ignore[arg-type]

    def ready(self) -> bool:
        """Return whether the server says that it is ready."""
        try:
            return requests.get(f"{self.url}{self.ready_path}", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def wait_until(self, *, ready: bool = True, seconds: float = TIMEOUT, interval: float = 0.02) -> float:
        """Ask every `interval` seconds until the server is ready, or is not; return the seconds that this took.

        Raises TimeoutError after `seconds`, and RuntimeError if the server has ended.
        """
        began = time.monotonic()
        while self.ready() != ready:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}")
            if time.monotonic() > began + seconds:
                raise TimeoutError(f"the server did not become {'ready' if ready else 'unready'} in {seconds} s")
            time.sleep(interval)
        return time.monotonic() - began

    def metric(self, name: str) -> float:
        """Return the sum of the series in /metrics that begin with `name`, a name or a name with labels."""
        page = requests.get(f"{self.url}/metrics", timeout=TIMEOUT).text
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))

    def stop(self, seconds: float = TIMEOUT) -> int:
        """Send SIGTERM and return the exit status. Raises subprocess.TimeoutExpired after `seconds`."""
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Send SIGKILL to all processes of the server."""
        kill_session(self.process.pid)
        self.process.wait()

    def memory_megabytes(self, field: str = "VmRSS") -> float:
        """Return a field of /proc/PID/status, summed over the server's processes, in MB of 1,000,000 bytes."""
        return sum(memory_megabytes(pid, field) for pid in (self.process.pid, *descendants(self.process.pid)))

    def proportional_megabytes(self) -> float:
        """Return the memory of the server's processes, in MB; memory that several share counts once."""
        return proportional_megabytes([self.process.pid, *descendants(self.process.pid)])

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server's processes have used, in seconds."""
        return sum(cpu_seconds(pid) for pid in (self.process.pid, *descendants(self.process.pid)))


@contextmanager
def started_service(
    command: Sequence[str | Path] = APP,
    *,
    log: str | Path | None = None,
    ready_path: str = "/health/ready",
    **environment: str,
) -> Iterator[ServiceProcess]:
    """Start a server, by default the real service; after the block, end all its processes.

    `command` gets its address in the environment variables HOST and PORT, a free one by default. Its output goes to the
    file `log`, and the end of the output as a note to an exception of the block.
    """
    environment = {"HOST": "127.0.0.1", "PORT": str(free_port())} | environment
    with tempfile.TemporaryDirectory() as folder:
        log = Path(log or f"{folder}/log")
        with (
            log.open("w") as output,
            process_group(command, env=os.environ | environment, stdout=output, stderr=output) as process,
        ):
            try:
                yield ServiceProcess(process, int(environment["PORT"]), ready_path)
            except Exception as error:
                error.add_note(f"Output of {' '.join(map(str, command))}:\n{log.read_text()[-LOG_TAIL:]}")
                raise


@contextmanager
def running_service(
    command: Sequence[str | Path] = APP,
    *,
    log: str | Path | None = None,
    ready_path: str = "/health/ready",
    **environment: str,
) -> Iterator[ServiceProcess]:
    """Start a server like started_service(), and begin the block when it is ready.

    Raises RuntimeError if the server ends before it is ready, and TimeoutError if it is not ready within TIMEOUT.
    """
    with started_service(command, log=log, ready_path=ready_path, **environment) as service:
        service.wait_until(ready=True)
        yield service


def refused_start(**environment: str) -> str:
    """Start the real service, which must end with one line; return that line. Raises AssertionError otherwise."""
    variables = os.environ | {"PORT": str(free_port())} | environment
    pipe = subprocess.PIPE
    with process_group(APP, env=variables, stdout=pipe, stderr=pipe) as process:
        _, output = process.communicate(timeout=TIMEOUT)
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    if process.returncode == 0 or len(lines) != 1 or "Traceback" in output:
        raise AssertionError(f"expected one line with an error, got status {process.returncode} and: {output}")
    return lines[0]
