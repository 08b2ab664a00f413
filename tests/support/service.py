"""Starts the real service for measuring, and tells what its processes use."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import ROOT, free_port


class Running:
    """A service that was started on `port`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def megabytes(self, field: str = "VmRSS") -> float:
        """Return `field` of /proc/PID/status, summed over all its processes, in MB of 1,000,000 bytes."""
        return sum(_kilobytes(pid, field) for pid in (self.process.pid, *self.workers)) * 1.024 / 1000

    def ready(self) -> bool:
        """Return whether it answers that it is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def wait_until(self, ready: bool, seconds: float = 120) -> float:
        """Wait until it is ready, or not; return how long that took, in seconds. Raises TimeoutError."""
        began = time.monotonic()
        while self.ready() != ready:
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended with status {self.process.returncode}")
            if time.monotonic() > began + seconds:
                raise TimeoutError(f"the service did not become {'ready' if ready else 'unready'} in {seconds} s")
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self) -> float:
        """Send SIGTERM; return how long it took to end, in seconds."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=120)
        return time.monotonic() - began


def _kilobytes(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:"))


@contextmanager
def running(program: str = "app.py", **settings: str) -> Iterator[Running]:
    """Start `program` with `settings` as its environment, wait until it is ready, and end it afterwards."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, program],
        cwd=ROOT,
        env=os.environ | {"HOST": "127.0.0.1", "PORT": str(port)} | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    service = Running(process, port)
    try:
        service.wait_until(ready=True)
        yield service
    finally:
        if process.poll() is None:
            service.stop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
