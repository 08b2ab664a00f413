"""Measures what Ray costs `cli.py batch`, and that it loses no photo when a node is killed.

A simulated cluster of several nodes on this machine, and a run without Ray, segment the same photos at the same time,
so that other work on the machine slows both. What counts is CPU time, per photo from the first result on, and before
it: of the workers, of the command that drives them, and of Ray's own processes. Overhead is what a photo takes more
than without Ray, relative to its inference alone. In a second run, all processes of one node are killed at once after a
third of the photos. Prints a table in Markdown. The settings are the service's, from the environment.
"""

import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.batch import completeness, prepare
from benchmarks.options import argument_parser
from config import Settings
from core.types import Options
from segmenter import create_model, unlimited
from tests.support.paths import ROOT
from tests.support.processes import command_line, cpu_seconds, descendants, process_group
from tests.support.ray_cluster import SimulatedCluster, simulated_cluster

BATCH = (sys.executable, str(ROOT / "cli.py"), "batch")
# Seconds between two looks at the CPU time; that of a process after the last look at it is lost.
LOOK = 0.5


@dataclass
class Costs:
    """The CPU seconds of processes by kind, and of all of them at each number of results."""

    out: Path
    by_process: dict[int, tuple[str, float]] = field(default_factory=dict)
    samples: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    # The CPU time before the run, of the cluster.
    before: float = 0.0

    def look(self, pids: set[int]) -> None:
        """Read the CPU time of the processes `pids`."""
        for pid in pids:
            with suppress(OSError, IndexError):  # it may have ended
                seconds = cpu_seconds(pid)
                if line := command_line(pid):
                    self.by_process[pid] = kind(line), seconds
        kinds: dict[str, float] = {}
        for name, seconds in self.by_process.values():
            kinds[name] = kinds.get(name, 0) + seconds
        if not self.samples:
            self.before = sum(kinds.values())
        self.samples.append((sum(1 for _ in self.out.rglob("*.png")), kinds))

    def per_photo(self) -> dict[str, float]:
        """Return the CPU seconds per photo of each kind, between the first result and the last."""
        (before, first), (after, last) = self._steady()
        return {name: (seconds - first.get(name, 0)) / (after - before) for name, seconds in last.items()}

    def start(self) -> float:
        """Return the CPU seconds of everything else: before the first result, and after the last."""
        number, last = self.samples[-1]
        return sum(last.values()) - self.before - number * sum(self.per_photo().values())

    def seconds(self) -> float:
        """Return the seconds between the first result and the last."""
        (before, _), (after, _) = self._steady()
        numbers = [number for number, _ in self.samples]
        return LOOK * (numbers.index(after) - numbers.index(before))

    def _steady(self) -> tuple[tuple[int, dict[str, float]], tuple[int, dict[str, float]]]:
        last = next(sample for sample in self.samples if sample[0] == self.samples[-1][0])
        return next(sample for sample in self.samples if sample[0] > 0), last


def kind(line: str) -> str:
    """Return what the process with the command line `line` is: a worker, a decoder, the command, or one of Ray."""
    if "ray::RemoteWorker" in line:
        return "worker"
    if "decoder_program" in line:
        return "decoder"
    return "command" if str(ROOT / "cli.py") in line else "Ray"


def compare(photos: Path, folder: Path, cluster: SimulatedCluster) -> tuple[Costs, Costs]:
    """Segment `photos` without Ray, and on `cluster`; return the costs of both."""
    alone, shared = Costs(folder / "alone"), Costs(folder / "shared")
    environment = os.environ | {"THREADS": "1"}
    on_cluster = ["--ray", cluster.address, "--threads", "1"]
    with (
        process_group([*BATCH, photos, alone.out, "--size", "model"], env=environment) as first,
        process_group([*BATCH, photos, shared.out, "--size", "model", *on_cluster], env=environment) as second,
    ):
        while first.poll() is None or second.poll() is None:
            if first.poll() is None:
                alone.look({first.pid, *descendants(first.pid)})
            if second.poll() is None:
                shared.look({second.pid, *descendants(second.pid), cluster.pid, *descendants(cluster.pid)})
            time.sleep(LOOK)
    return alone, shared


def inference(photos: Path, number: int = 20) -> float:
    """Return the CPU seconds of the inference of a photo, without its decoding and its result."""
    settings = replace(unlimited(Settings.from_environment()), threads=1)
    model = create_model(settings)
    model.loading.result()
    contents = [photo.read_bytes() for photo in sorted(photos.rglob("*.jpg"))[:number]]
    model.segment(contents[0], None, Options("model"))
    began = time.process_time()  # decoders are processes of their own
    for content in contents:
        model.segment(content, None, Options("model"))
    return (time.process_time() - began) / len(contents)


def kill_a_node(photos: Path, out: Path, cluster: SimulatedCluster, number: int) -> tuple[str, float]:
    """Segment `photos`, and kill a node after a third of them; return the last line and the seconds after that."""
    command = [*BATCH, str(photos), str(out), "--size", "model", "--ray", cluster.address, "--threads", "1"]
    with process_group(command, stdout=-1) as process:
        while sum(1 for _ in out.rglob("*.png")) < number // 3:
            time.sleep(LOOK)
        killed_at = time.monotonic()
        cluster.kill(cluster.nodes()[1])
        return process.communicate()[0].strip(), time.monotonic() - killed_at


def main() -> None:
    parser = argument_parser("benchmarks.cluster", __doc__)
    parser.add_argument("voc", type=Path, help="a folder with JPEGImages")
    parser.add_argument("--photos", type=int, default=1000, help="photos of the first run; default: 1000")
    parser.add_argument("--few", type=int, default=300, help="photos of the run with a killed node; default: 300")
    parser.add_argument("--nodes", type=int, default=2, help="nodes, each with one CPU; default: 2")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "ray").mkdir()
        prepare(arguments.voc, folder / "many", arguments.photos, 1)
        prepare(arguments.voc, folder / "few", arguments.few, 1)
        with simulated_cluster(arguments.nodes, 1, os.environ | {"RAY_TMPDIR": str(folder / "ray")}) as cluster:
            alone, shared = compare(folder / "many", folder, cluster)
            print_costs(alone, shared, inference(folder / "many"), arguments.photos)
            line, seconds = kill_a_node(folder / "few", folder / "killed", cluster, arguments.few)
        print(f"| after a node was killed: {line} | {seconds:.0f} s after its end |")
        for promise, measured in completeness(folder / "killed", folder / "few", 1).items():
            print(f"| {promise} | {measured} |")


def print_costs(alone: Costs, shared: Costs, inferred: float, number: int) -> None:
    """Print the rows about the costs, of `number` photos whose inference takes `inferred` CPU seconds."""
    one, many = alone.per_photo(), shared.per_photo()
    more = sum(many.values()) - sum(one.values())
    start = shared.start() - alone.start()
    print("| CPU seconds | measured |\n| --- | --- |")
    print(f"| inference of a photo | {inferred:.4f} |")
    for text, kinds in (("without Ray", one), ("with Ray", many)):
        parts = ", ".join(f"{name} {seconds:.4f}" for name, seconds in sorted(kinds.items()))
        print(f"| a photo {text} | {sum(kinds.values()):.4f}: {parts} |")
    print(f"| start and end without Ray, with Ray | {alone.start():.1f}, {shared.start():.1f} |")
    print(f"| overhead of a photo, of its inference | {100 * more / inferred:.1f} % |")
    print(f"| the same with the start, at {number:,} photos | {100 * (more + start / number) / inferred:.1f} % |")
    seconds = shared.seconds()
    print(f"| CPU of Ray's own processes, of one core | {100 * many.get('Ray', 0) * number / seconds:.1f} % |")


if __name__ == "__main__":
    main()
