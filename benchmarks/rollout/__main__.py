"""Replaces and kills replicas of the service behind a real HAProxy under load, and measures their throughput.

Each part starts replicas, `python app.py` on ports of 127.0.0.1, and starts, probes, removes and ends them as the
manifests in deploy/kubernetes say. The benchmark does the work of Kubernetes: it removes a replica from HAProxy
2 seconds after the request to end it, waits for its preStop, sends SIGTERM, and waits for the grace period. Clients
post a photo, half of them without pauses, and check each answer. A request counts as `answered` with the right mask,
`rejected` with a 503 of the service, or `lost`. Exits with 1 if a request was lost that no killed replica held.
"""

import sys
from dataclasses import replace

from benchmarks.options import argument_parser
from benchmarks.rollout.clients import Request
from benchmarks.rollout.haproxy import installed
from benchmarks.rollout.manifests import Rollout
from benchmarks.rollout.scenarios import kill_replica, rolling_update, throughput

COLUMNS = "sent | answered | rejected | lost | p50, ms | p99, ms |\n| --- | --- | --- | --- | --- | --- | --- |"
PARTS = ["roll", "kill", "throughput"]


def main() -> None:
    parser = argument_parser("benchmarks.rollout", __doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of throughput; default: 3")
    parser.add_argument("--seconds", type=float, default=6, help="seconds of a round; default: 6")
    parser.add_argument("--pre-stop", type=int, help="seconds of preStop; default: those of the manifest")
    arguments = parser.parse_args()
    if not installed():
        sys.exit("error: haproxy is not installed; on Debian: apt-get install haproxy")
    rollout = Rollout.read()
    if arguments.pre_stop is not None:
        rollout = replace(rollout, pre_stop=arguments.pre_stop)
    lost = 0
    if "roll" in arguments.parts:
        print(f"| rolling update | {COLUMNS}")
        for replicas in (2, 1):
            count = rolling_update(rollout, replicas, replicas)
            print(f"| {replicas} of {replicas} replaced {count}", flush=True)
            lost += report(count.lost)
    if "kill" in arguments.parts:
        killed = kill_replica(rollout)
        print(f"\n| SIGKILL | {COLUMNS}\n| 1 of 2, which held {len(killed.held)} {killed.count}", flush=True)
        lost += report([request for request in killed.count.lost if request not in killed.held])
    if "throughput" in arguments.parts:
        print("\n| throughput | requests/s | cores busy: replicas | clients and HAProxy |\n| --- | --- | --- | --- |")
        for name, found in throughput(rollout, arguments.rounds, arguments.seconds).items():
            print(f"| {name} | {found.requests} | {found.replica_cores:.2f} | {found.other_cores:.2f} |")
    sys.exit(1 if lost else 0)


def report(lost: list[Request]) -> int:
    """Write a line per lost request to the standard error, and return their number."""
    for request in lost:
        seconds = request.ended - request.sent
        print(f"lost: {request.outcome}, by {request.replica or 'no replica'}, after {seconds:.1f} s", file=sys.stderr)
    return len(lost)


if __name__ == "__main__":
    main()
