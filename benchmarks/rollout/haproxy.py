"""A real HAProxy in front of replicas, told which ones there are as Kubernetes tells its own balancers."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.rollout.manifests import Rollout
from tests.conftest import free_port

SLOTS = 4
# A request that could not be sent may go to another replica: none has seen it. One that was sent never goes twice
# (retry-on), so that what a replica loses is lost to the client, and counted. X-Replica tells who had a request, also
# where the answer is HAProxy's own error.
CONFIGURATION = """
global
    stats socket {folder}/admin mode 600 level admin
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server {rollout.read_timeout}s
    timeout check {rollout.probe_timeout}s
    retries 3
    retry-on conn-failure
    option redispatch
frontend entry
    bind 127.0.0.1:{port}
    http-after-response set-header X-Replica %[srv_name]
    default_backend replicas
backend replicas
    balance leastconn
    option httpchk GET {rollout.probe_path}
    http-check expect status 200
    default-server check inter {rollout.probe_period}s fall {rollout.probe_failures} rise 1
    server-template replica 1-{slots} 127.0.0.1:1 disabled
"""


def installed() -> str | None:
    """Return the path of HAProxy, if there is one."""
    return shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


class Balancer:
    """A running HAProxy; `port` is where clients reach it. Use it as a context manager."""

    def __init__(self, rollout: Rollout) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._free = [f"replica{number}" for number in range(1, SLOTS + 1)]
        file = Path(self._folder.name) / "haproxy.cfg"
        file.write_text(
            CONFIGURATION.format(folder=self._folder.name, rollout=rollout, port=self.port, slots=SLOTS).lstrip()
        )
        self.process = subprocess.Popen([installed() or "haproxy", "-db", "-q", "-f", file])

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 10
        while True:
            try:
                self._tell("show info")
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self._folder.cleanup()

    def add(self, port: int) -> str:
        """Send requests to the replica at `port`, too, from now on; return the name it gets."""
        name = self._free.pop(0)
        self._tell(f"set server replicas/{name} addr 127.0.0.1 port {port}")
        self._tell(f"set server replicas/{name} state ready")
        return name

    def remove(self, name: str) -> None:
        """Send no more requests to a replica; it answers those it has."""
        self._tell(f"set server replicas/{name} state drain")

    def forget(self, name: str) -> None:
        """Give up the name of a replica that has ended."""
        self._tell(f"set server replicas/{name} state maint")
        self._free.append(name)

    def _tell(self, command: str) -> str:
        """Return HAProxy's answer to a command of its runtime API."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(f"{self._folder.name}/admin")
            admin.sendall(f"{command}\n".encode())
            answer = b""
            while part := admin.recv(65536):
                answer += part
        return answer.decode()
