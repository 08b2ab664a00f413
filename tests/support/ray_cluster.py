"""A Ray cluster of several nodes on this machine, whose nodes can be killed as if their power was cut.

`python -m tests.support.ray_cluster NODES CPUS` prints the address when all nodes are there. It is a program of its
own, because Ray keeps settings and threads in the process that starts a cluster.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.processes import children, command_line, descendants, process_group

# Bytes of shared memory of a node; Ray wants 75 MB at least.
OBJECT_STORE = 80_000_000


class SimulatedCluster:
    """The cluster with its `address`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.address = ""

    def nodes(self) -> list[int]:
        """Return the process ids of the nodes that run, in the order of their start; the first is the head."""
        return sorted(pid for pid in children(self.pid) if "raylet/raylet " in command_line(pid))

    @staticmethod
    def workers(node: int) -> list[int]:
        """Return the process ids of the workers of `batch` on `node`."""
        return [pid for pid in descendants(node) if "RemoteWorker" in command_line(pid)]

    @staticmethod
    def kill(node: int) -> None:
        """End all processes of `node` at once."""
        for pid in [node, *descendants(node)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def simulated_cluster(nodes: int, cpus: int, environment: dict[str, str]) -> Iterator[SimulatedCluster]:
    """Yield a cluster of a head without CPUs and of `nodes` nodes with `cpus` CPUs each, and end it after the block."""
    command = [sys.executable, "-m", "tests.support.ray_cluster", str(nodes), str(cpus)]
    with process_group(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        cluster = SimulatedCluster(process.pid)
        assert process.stdout
        # What Ray itself prints goes to standard output, too.
        cluster.address = next(line for line in process.stdout if line.startswith("address ")).split()[1]
        yield cluster


def main() -> None:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 (the tests import this module without starting Ray)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    number, cpus = map(int, sys.argv[1:])
    store = {"object_store_memory": OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **store})
    for _ in range(number):
        cluster.add_node(num_cpus=cpus, **store)
    sys.stdout.write(f"address {cluster.address}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
