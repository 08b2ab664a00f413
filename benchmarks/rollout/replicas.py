"""Replicas of the real service behind a balancer: started, let in, taken out and ended as the manifests say."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import IO

import requests

from benchmarks.rollout.haproxy import Balancer
from benchmarks.rollout.manifests import Rollout
from tests.conftest import ROOT, free_port

# Between the end of a replica being asked for and the last balancer knowing: requests still come.
SECONDS_TO_SPREAD = 2
SECONDS_TO_START = 120


class Replica:
    """One `python app.py`, in a process group of its own. `name` is the balancer's, once it is in."""

    def __init__(self, rollout: Rollout, log: IO[str], cores: str = "", **environment: str) -> None:
        self._rollout = rollout
        self.port = free_port()
        self.name = ""
        self.process = subprocess.Popen(
            [*(["taskset", "--cpu-list", cores] if cores else []), sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | rollout.settings | {"HOST": "127.0.0.1", "PORT": str(self.port)} | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"a replica did not become ready; its exit status: {self.process.poll()}")
            time.sleep(self._rollout.startup_period)

    def _ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}{self._rollout.probe_path}"
            return requests.get(url, timeout=self._rollout.probe_timeout).ok
        except requests.RequestException:
            return False

    def end(self) -> None:
        """End it as a kubelet does once preStop is over. Raises TimeoutExpired where that takes the grace period."""
        self.process.terminate()
        status = self.process.wait(self._rollout.grace - self._rollout.pre_stop)
        if status != 0:
            raise RuntimeError(f"a replica ended with status {status}")

    def kill(self) -> None:
        """End all its processes at once; return when nobody can connect to it any more."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # The worker closes its socket after it has given back its memory, which takes it longer than its parent.
        with suppress(ConnectionRefusedError):
            while True:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                time.sleep(0.001)

    def cpu_seconds(self) -> float:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(cpu_seconds(pid) for pid in (self.process.pid, *map(int, children)))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has had."""
    # After the name, which may hold anything, utime and stime are the 12th and 13th field.
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Stage:
    """A balancer, its replicas, and where they log."""

    def __init__(self, rollout: Rollout, balancer: Balancer, log: IO[str]) -> None:
        self.rollout = rollout
        self.balancer = balancer
        self.replicas: list[Replica] = []
        self._log = log

    def start(self, cores: str = "", **environment: str) -> Replica:
        """Start a replica that is not in yet."""
        replica = Replica(self.rollout, self._log, cores, **{"THREADS": "1"} | environment)
        self.replicas.append(replica)
        return replica

    def admit(self, *replicas: Replica) -> None:
        """Let replicas in once they are ready."""
        for replica in replicas:
            replica.wait_until_ready()
        for replica in replicas:
            replica.name = self.balancer.add(replica.port)

    def replace(self, old: Replica) -> None:
        """Replace a replica as a rolling update with maxUnavailable 0 and maxSurge 1 does."""
        self.admit(self.start())
        removal = Timer(SECONDS_TO_SPREAD, self.balancer.remove, [old.name])
        removal.start()
        time.sleep(self.rollout.pre_stop)
        old.end()
        removal.join()
        self.balancer.forget(old.name)
        self.replicas.remove(old)


@contextmanager
def staged(rollout: Rollout, replicas: int) -> Iterator[Stage]:
    """Yield a stage with so many replicas that are in."""
    with tempfile.TemporaryFile("w+") as log, Balancer(rollout) as balancer:
        stage = Stage(rollout, balancer, log)
        try:
            stage.admit(*[stage.start() for _ in range(replicas)])
            yield stage
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-5000:])
            raise
        finally:
            for replica in stage.replicas:
                replica.kill()
