"""Replicas of the real service behind a balancer: started, added, removed and ended as the manifests say."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Timer

from benchmarks.rollout.haproxy import Balancer, running_balancer
from benchmarks.rollout.manifests import Rollout
from tests.support.service import ServiceProcess, started_service

# Seconds between the request to end a replica and the moment when the last balancer knows about it.
SECONDS_TO_SPREAD = 2


class Replica:
    """One `python app.py`; `name` is the one that the balancer has given it, or empty."""

    def __init__(self, service: ServiceProcess, rollout: Rollout) -> None:
        self.service = service
        self.name = ""
        self._rollout = rollout

    def wait_until_ready(self) -> None:
        """Return when the replica is ready. Raises RuntimeError if it ends, and TimeoutError."""
        self.service.wait_until(ready=True, interval=self._rollout.startup_period)

    def end(self) -> None:
        """End the replica as a kubelet does after preStop.

        Raises subprocess.TimeoutExpired after the grace period, and RuntimeError if the exit status is not 0.
        """
        status = self.service.stop(self._rollout.grace - self._rollout.pre_stop)
        if status != 0:
            raise RuntimeError(f"a replica ended with status {status}")

    def kill(self) -> None:
        """Send SIGKILL to all processes of the replica; return when the balancer has had time to notice."""
        self.service.kill()
        # The worker closes its socket after it has released its memory, and so later than its parent ends.
        with suppress(ConnectionRefusedError):
            while True:
                socket.create_connection(("127.0.0.1", self.service.port), timeout=1).close()
                time.sleep(0.001)
        # A request that the balancer takes before it has read the end of its own connections still goes to one of them.
        time.sleep(0.1)


class Stage:
    """A balancer and its replicas. `stack` ends the replicas."""

    def __init__(self, rollout: Rollout, balancer: Balancer, stack: ExitStack) -> None:
        self.rollout = rollout
        self.balancer = balancer
        self.replicas: list[Replica] = []
        self._stack = stack

    def start(self, cores: str = "", **environment: str) -> Replica:
        """Start a replica, on the CPUs `cores` if there are any, and do not add it to the balancer."""
        command = [*(["taskset", "--cpu-list", cores] if cores else []), sys.executable, "app.py"]
        settings = self.rollout.settings | {"THREADS": "1"} | environment
        service = self._stack.enter_context(started_service(command, ready_path=self.rollout.probe_path, **settings))
        replica = Replica(service, self.rollout)
        self.replicas.append(replica)
        return replica

    def admit(self, *replicas: Replica) -> None:
        """Wait until all `replicas` are ready, and add them to the balancer."""
        for replica in replicas:
            replica.wait_until_ready()
        for replica in replicas:
            replica.name = self.balancer.add(replica.service.port)

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
    """Run a balancer with `replicas` ready replicas during the block."""
    with running_balancer(rollout) as balancer, ExitStack() as stack:
        stage = Stage(rollout, balancer, stack)
        stage.admit(*[stage.start() for _ in range(replicas)])
        yield stage
