"""Replicas of the real service behind a real HAProxy: replaced one by one, killed, and counted, all under load.

    python benchmarks/rolling.py [--parts roll kill throughput]

Each part starts its own replicas, `python app.py` on ports of 127.0.0.1. They are started, probed, taken out and ended
as deploy/kubernetes says, which is read for that; what Kubernetes does is done here by hand: a replica that is to end
is taken out of HAProxy a moment later, sleeps through its preStop, gets SIGTERM, and has its grace period. Clients
post a photo, half of them again at once, half after a pause, and check each answer. A request is `answered` with the
right mask, `refused` with the service's own 503, or else `lost`.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rollout.haproxy import installed
from benchmarks.rollout.clients import Count, Load, Request
from benchmarks.rollout.replicas import SECONDS_TO_SPREAD, Replica, Stage, cpu_seconds, staged
from benchmarks.engines.report import Spread
from benchmarks.rollout.manifests import Rollout

HEAD = "sent | answered | refused | lost | p50, ms | p99, ms |\n| --- | --- | --- | --- | --- | --- | --- |"


def roll(rollout: Rollout, replicas: int, replaced: int) -> Count:
    """Replace so many of so many replicas, one by one, under load."""
    with staged(rollout, replicas) as stage, Load(stage.balancer.port) as load:
        time.sleep(2)
        for replica in stage.replicas[:replaced]:
            stage.replace(replica)
        time.sleep(2)
    return Count.of(load.requests)


@dataclass(frozen=True)
class Killed:
    """What became of requests while a replica was killed, and how many it held at that time."""

    count: Count
    held: list[Request]


def kill(rollout: Rollout, replicas: int = 2) -> Killed:
    """Kill one of the replicas under load, with all its processes, and start another one."""
    with staged(rollout, replicas) as stage, Load(stage.balancer.port) as load:
        time.sleep(4)
        victim = stage.replicas.pop(0)
        before = time.monotonic()
        victim.kill()
        after = time.monotonic()
        # What Kubernetes does next: its balancers know soon, and a new container is started.
        time.sleep(SECONDS_TO_SPREAD)
        stage.balancer.forget(victim.name)
        stage.admit(stage.start())
        time.sleep(2)
    # HAProxy closes a connection without an answer where its client may know from earlier ones what that means: then
    # there is no name, either.
    theirs = {victim.name, ""}
    held = [r for r in load.requests if r.sent < after and r.ended > before and r.replica in theirs]
    return Killed(Count.of(load.requests), held)


@dataclass(frozen=True)
class Speed:
    """Requests a second, and how many cores were kept busy by the replicas and by the others, clients and HAProxy."""

    requests: Spread
    replicas_cores: float
    other_cores: float


def throughput(rollout: Rollout, rounds: int, seconds: float) -> dict[str, Speed]:
    """Return the speed of one and of two replicas with a core each, and of one with both; they take turns."""
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
                found.setdefault(name, []).append(press(stage, replicas, seconds))
                for replica in replicas:
                    stage.balancer.forget(replica.name)
    return {
        name: Speed(
            Spread.of([speed for speed, _, _ in values]),
            statistics.median(cores for _, cores, _ in values),
            statistics.median(cores for _, _, cores in values),
        )
        for name, values in found.items()
    }


def press(stage: Stage, replicas: list[Replica], seconds: float) -> tuple[float, float, float]:
    """Return the requests a second, and the cores that the replicas and that the others kept busy."""
    with Load(stage.balancer.port, 4 * len(replicas), pauses=False) as load:
        time.sleep(1)
        began = time.monotonic()
        theirs, others = cpu_of(replicas), others_cpu(stage)
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        theirs, others = cpu_of(replicas) - theirs, others_cpu(stage) - others
        answered = [r for r in load.requests if r.outcome == "answered" and began < r.ended <= began + elapsed]
    return len(answered) / elapsed, theirs / elapsed, others / elapsed


def cpu_of(replicas: list[Replica]) -> float:
    return sum(replica.cpu_seconds() for replica in replicas)


def others_cpu(stage: Stage) -> float:
    return cpu_seconds(stage.balancer.process.pid) + time.process_time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["roll", "kill", "throughput"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput")
    parser.add_argument("--seconds", type=float, default=6, help="of each round")
    parser.add_argument("--pre-stop", type=int, help="seconds, instead of the manifest's")
    arguments = parser.parse_args()
    if not installed():
        sys.exit("error: there is no haproxy; on Debian: apt-get install haproxy")
    rollout = Rollout.read()
    if arguments.pre_stop is not None:
        rollout = replace(rollout, pre_stop=arguments.pre_stop)
    lost = 0
    if "roll" in arguments.parts:
        print(f"| rolling update | {HEAD}")
        for replicas in (2, 1):
            count = roll(rollout, replicas, replicas)
            print(f"| {replicas} of {replicas} replaced {count}", flush=True)
            lost += report(count.lost)
    if "kill" in arguments.parts:
        killed = kill(rollout)
        print(f"\n| SIGKILL | {HEAD}\n| 1 of 2, which held {len(killed.held)} {killed.count}", flush=True)
        lost += report([request for request in killed.count.lost if request not in killed.held])
    if "throughput" in arguments.parts:
        print("\n| throughput | requests/s | cores busy: replicas | clients and HAProxy |\n| --- | --- | --- | --- |")
        for name, speed in throughput(rollout, arguments.rounds, arguments.seconds).items():
            print(f"| {name} | {speed.requests} | {speed.replicas_cores:.2f} | {speed.other_cores:.2f} |")
    sys.exit(1 if lost else 0)


def report(lost: list[Request]) -> int:
    """Tell of each request that should not have been lost; return how many."""
    for request in lost:
        seconds = request.ended - request.sent
        print(f"lost: {request.outcome}, by {request.replica or 'nobody'}, after {seconds:.1f} s", file=sys.stderr)
    return len(lost)


if __name__ == "__main__":
    main()
