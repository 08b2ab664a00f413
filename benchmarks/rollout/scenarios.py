"""Scenarios under load: a rolling update, a killed replica, and the throughput of one and two replicas."""

import statistics
import time
from dataclasses import dataclass

from benchmarks.measure import Spread
from benchmarks.rollout.clients import Count, PhotoClients, Request
from benchmarks.rollout.manifests import Rollout
from benchmarks.rollout.replicas import SECONDS_TO_SPREAD, Replica, Stage, staged


def rolling_update(rollout: Rollout, replicas: int, replaced: int) -> Count:
    """Start `replicas`, replace the first `replaced` of them one by one under load, and count the requests."""
    with staged(rollout, replicas) as stage, PhotoClients(stage.balancer.port) as clients:
        time.sleep(2)
        for replica in stage.replicas[:replaced]:
            stage.replace(replica)
        time.sleep(2)
    return Count.of(clients.requests)


@dataclass(frozen=True)
class KillResult:
    """The requests during the death of a replica, and those that the replica held at that moment."""

    count: Count
    held: list[Request]


def kill_replica(rollout: Rollout, replicas: int = 2) -> KillResult:
    """Kill one of `replicas` with all its processes under load, and start another one."""
    with staged(rollout, replicas) as stage, PhotoClients(stage.balancer.port) as clients:
        time.sleep(4)
        victim = stage.replicas.pop(0)
        before = time.monotonic()
        victim.kill()
        after = time.monotonic()
        # Kubernetes then tells its balancers, and starts a new container.
        time.sleep(SECONDS_TO_SPREAD)
        stage.balancer.forget(victim.name)
        stage.admit(stage.start())
        time.sleep(2)
    # HAProxy closes a connection without an answer if the client has used it before and so knows that it may retry. The
    # name of the replica is then missing.
    names = {victim.name, ""}
    held = [r for r in clients.requests if r.sent < after and r.ended > before and r.replica in names]
    return KillResult(Count.of(clients.requests), held)


@dataclass(frozen=True)
class Throughput:
    """Requests per second, and how many cores the replicas, and the clients with HAProxy, kept busy."""

    requests: Spread
    replica_cores: float
    other_cores: float


def throughput(rollout: Rollout, rounds: int, seconds: float) -> dict[str, Throughput]:
    """Return the throughput of one and two replicas with a core each, and of one with two cores; they take turns."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    with staged(rollout, 0) as stage:
        one, two = stage.start("0"), stage.start("1")
        both = stage.start("0,1", THREADS="2")
        arrangements = {"1 replica, 1 core": [one], "2 replicas, 1 core each": [one, two], "1 replica, 2 cores": [both]}
        for replica in stage.replicas:
            replica.wait_until_ready()
        for _ in range(rounds):
            for name, replicas in arrangements.items():
                stage.admit(*replicas)
                found.setdefault(name, []).append(measure_throughput(stage, replicas, seconds))
                for replica in replicas:
                    stage.balancer.forget(replica.name)
    return {
        name: Throughput(
            Spread.of([speed for speed, _, _ in values]),
            statistics.median(cores for _, cores, _ in values),
            statistics.median(cores for _, _, cores in values),
        )
        for name, values in found.items()
    }


def measure_throughput(stage: Stage, replicas: list[Replica], seconds: float) -> tuple[float, float, float]:
    """Return requests per second, and the cores that the replicas, and the clients with HAProxy, keep busy."""
    with PhotoClients(stage.balancer.port, 4 * len(replicas), pauses=False) as clients:
        time.sleep(1)
        began = time.monotonic()
        replica_cpu, other_cpu = cpu_seconds(stage, replicas)
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        replica_cpu_after, other_cpu_after = cpu_seconds(stage, replicas)
        answered = [r for r in clients.requests if r.outcome == "answered" and began < r.ended <= began + elapsed]
    return (
        len(answered) / elapsed,
        (replica_cpu_after - replica_cpu) / elapsed,
        (other_cpu_after - other_cpu) / elapsed,
    )


def cpu_seconds(stage: Stage, replicas: list[Replica]) -> tuple[float, float]:
    """Return the CPU seconds that the replicas, and that HAProxy and the clients in this process, have used."""
    replica_cpu = sum(replica.service.cpu_seconds() for replica in replicas)
    return replica_cpu, stage.balancer.cpu_seconds() + time.process_time()
