"""What `cli.py batch` promises, held against thousands of files, and how fast it is beside a plain loop.

    python benchmarks/archive.py VOC [--photos 5000] [--broken 50] [--few 500]

VOC is a folder in PASCAL VOC's layout; its photos are linked under as many names as are asked for, and broken files are
put between them. `batch` is interrupted when a third is done, started again, loses its worker to SIGKILL, and ends.
Another run is over few photos, which `predict` does too, the plain loop of one process: their masks and speeds are
compared, and the most memory that all processes of a run had at a time, what they share counted once. Prints a table in
Markdown. Settings are the service's, as environment variables.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.dataset

ROOT = Path(__file__).parent.parent
CLI = [sys.executable, str(ROOT / "cli.py")]


def prepare(voc: Path, photos: Path, number: int, broken: int) -> None:
    """Fill the folder `photos` with links to those of `voc` in folders of a thousand, and with broken files."""
    originals = sorted((voc / "JPEGImages").iterdir())
    step = number // broken
    for index in range(number):
        photo = photos / f"{index // 1000:03}" / f"{index:06}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        original = originals[index % len(originals)].resolve()
        if index % step == step // 2:
            # Cut off in the middle, empty, and no image at all.
            content = original.read_bytes()
            photo.write_bytes((content[: len(content) // 2], b"", b"not an image")[index // step % 3])
        else:
            photo.symlink_to(original)


def processes(root: int) -> dict[int, str]:
    """Return `root` and the processes below it, with their names."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        parents[int(entry)] = int(status.rpartition(")")[2].split()[1])
    found, more = set[int](), {root}
    while more:
        found |= more
        more = {child for child, parent in parents.items() if parent in found} - found
    return {pid: _read(pid, "cmdline") for pid in found}


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def megabytes(pids: dict[int, str]) -> float:
    """Return the memory of `pids`, in MB of 1,000,000 bytes, what they share counted once."""
    lines = (line.split() for pid in pids for line in _read(pid, "smaps_rollup").splitlines())
    return sum(int(words[1]) for words in lines if words[0] == "Pss:") * 1024 / 1e6


@dataclass
class Run:
    """A running `batch`, watched: what was done when, and the most memory that it had."""

    photos: Path
    out: Path
    process: "subprocess.Popen[str]" = field(init=False)
    peak: float = 0
    samples: list[tuple[float, int]] = field(default_factory=list)  # time, masks

    def __post_init__(self) -> None:
        command = [*CLI, "batch", str(self.photos), str(self.out)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def watch(self, masks: int | None = None) -> None:
        """Return when so many masks are there, or the run has ended."""
        while self.process.poll() is None:
            self.peak = max(self.peak, megabytes(processes(self.process.pid)))
            done = sum(1 for _ in self.out.glob("mask/*/*.png"))
            self.samples.append((time.monotonic(), done))
            if masks is not None and done >= masks:
                return
            time.sleep(1)

    def worker(self) -> int:
        return next(pid for pid, name in processes(self.process.pid).items() if name.startswith("ray::MapWorker"))

    def told(self) -> str:
        return self.process.communicate()[0].strip()

    def rate(self) -> float:
        """Return photos per second, between the first ones done and the last."""
        first = next(index for index, (_, done) in enumerate(self.samples) if done > self.samples[0][1])
        (began, before), (ended, after) = self.samples[first], self.samples[-1]
        return (after - before) / (ended - began)


def rows_of(out: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    return rows


def predicted(photos: Path, out: Path) -> float:
    """Let `predict` do the photos, and return how many it does in a second, between the first and the last."""
    out.mkdir()
    process = subprocess.Popen([*CLI, "predict", photos, "--output", "mask", "--size", "model", "-o", out], cwd=ROOT)
    process.wait()
    times = sorted(mask.stat().st_mtime for mask in out.rglob("*.png"))
    return (len(times) - 1) / (times[-1] - times[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--few", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    number, broken, few = arguments.photos, arguments.broken, arguments.few
    prepare(arguments.voc, folder / "few", few, max(1, broken * few // number))
    prepare(arguments.voc, folder / "many", number, broken)

    small = Run(folder / "few", folder / "few-out")
    small.watch()
    loop = predicted(folder / "few", folder / "few-predicted")

    out = folder / "many-out"
    interrupted = Run(folder / "many", out)
    interrupted.watch(number // 3)
    interrupted.process.send_signal(signal.SIGINT)
    print(interrupted.told())
    kept = {row["path"]: (out / str(row["mask"])).stat() for row in rows_of(out) if row["mask"]}
    resumed = Run(folder / "many", out)
    resumed.watch(number // 2)
    os.kill(resumed.worker(), signal.SIGKILL)
    resumed.watch()
    print(resumed.told())

    names = {path.relative_to(folder / "many").as_posix() for path in (folder / "many").rglob("*.jpg")}
    unchanged = sum((out / f"mask/{path}.mask.png").stat().st_mtime_ns == was.st_mtime_ns for path, was in kept.items())
    masks = [(small.out / str(row["mask"]), str(row["path"])) for row in rows_of(small.out) if row["mask"]]
    plain = [(mask, folder / "few-predicted" / path.replace(".jpg", ".mask.png")) for mask, path in masks]
    same = sum(mask.read_bytes() == other.read_bytes() for mask, other in plain)
    promises = {
        **settled(out, names, broken),
        "settled before the interruption, not done again": f"{unchanged:,} of {len(kept):,}",
        "masks equal to `predict`'s": f"{same:,} of {len(plain):,}",
        f"peak memory at {few:,} files": f"{small.peak:.0f} MB",
        f"peak memory at {number:,} files": f"{max(interrupted.peak, resumed.peak):.0f} MB",
        f"images per second at {few:,} files": f"{small.rate():.1f}; `predict`'s plain loop {loop:.1f}",
        f"images per second at {number:,} files": f"{interrupted.rate():.1f}",
    }
    print("| promise | measured |\n| --- | --- |")
    for promise, measured in promises.items():
        print(f"| {promise} | {measured} |")


def settled(out: Path, names: set[str], broken: int) -> dict[str, str]:
    """Return what the manifest in `out` and the files beside it say of the photos `names`."""
    rows = rows_of(out)
    times = Counter(str(row["path"]) for row in rows)
    good = {str(row["mask"]) for row in rows if row["error"] is None}
    files = {path.relative_to(out).as_posix() for path in (out / "mask").rglob("*") if path.is_file()}
    return {
        f"a row in the manifest for each of {len(names):,} files": f"{len(times.keys() & names):,}",
        "files with more rows than one": str(sum(count > 1 for count in times.values())),
        f"masks of {len(names) - broken:,} good ones": f"{len(files & good):,}",
        "other files among the masks": str(len(files - good)),
        f"errors of {broken} broken ones": str(len(rows) - len(good)),
    }


if __name__ == "__main__":
    main()
