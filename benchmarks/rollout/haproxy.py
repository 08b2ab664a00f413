"""HAProxy in front of replicas, configured at run time as Kubernetes configures its load balancers."""

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rollout.manifests import Rollout
from tests.support.processes import cpu_seconds, process_group
from tests.support.service import TIMEOUT, free_port

SLOTS = 4
# A request that could not be sent goes to another replica, because no replica has received it. A request that was sent
# is never sent again (retry-on), so that a request that a replica loses counts as lost. X-Replica names the replica of
# a request, even if HAProxy itself answers.
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
    """Return the path of HAProxy, or None if it is not installed."""
    return shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@dataclass
class Balancer:
    """A running HAProxy that clients reach on `port`; `admin` is the path of the socket for its runtime API."""

    pid: int
    port: int
    admin: str
    _free: list[str] = field(default_factory=lambda: [f"replica{number}" for number in range(1, SLOTS + 1)])

    def add(self, port: int) -> str:
        """Start to send requests to the replica at `port`; return the name that HAProxy gives it."""
        name = self._free.pop(0)
        self.command(f"set server replicas/{name} addr 127.0.0.1 port {port}")
        self.command(f"set server replicas/{name} state ready")
        return name

    def remove(self, name: str) -> None:
        """Send no more requests to a replica; it still answers those that it has."""
        self.command(f"set server replicas/{name} state drain")

    def forget(self, name: str) -> None:
        """Free the name of a replica that has ended."""
        self.command(f"set server replicas/{name} state maint")
        self._free.append(name)

    def cpu_seconds(self) -> float:
        """Return the CPU time that HAProxy has used, in seconds."""
        return cpu_seconds(self.pid)

    def command(self, command: str) -> str:
        """Return HAProxy's answer to a command of its runtime API. Raises OSError if HAProxy does not listen."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(self.admin)
            admin.sendall(f"{command}\n".encode())
            answer = b""
            while part := admin.recv(65536):
                answer += part
        return answer.decode()


@contextmanager
def running_balancer(rollout: Rollout) -> Iterator[Balancer]:
    """Run HAProxy without replicas during the block, with the probe and the timeouts of `rollout`."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(CONFIGURATION.format(folder=folder, rollout=rollout, port=port, slots=SLOTS).lstrip())
        with process_group([installed() or "haproxy", "-db", "-q", "-f", file]) as process:
            balancer = Balancer(process.pid, port, f"{folder}/admin")
            deadline = time.monotonic() + TIMEOUT
            while True:
                try:
                    balancer.command("show info")
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
            yield balancer
