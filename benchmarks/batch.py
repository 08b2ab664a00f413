"""Tests `cli.py batch` with thousands of files, and compares its speed with the loop of `cli.py predict`.

The photos of a folder in the layout of PASCAL VOC are linked under as many names as needed, with broken files between
them. The first run of `batch` is interrupted after a third of the photos; the second run loses its worker to SIGKILL,
and finishes. A small run and `predict` segment the same few photos, for a comparison of masks and speed. The memory is
the peak of all processes of a run, with shared pages counted once. Prints a table in Markdown. The settings are the
service's, from the environment.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.dataset

from benchmarks.options import argument_parser
from tests.support.paths import ROOT
from tests.support.processes import command_line, descendants, process_group, proportional_megabytes

CLI = [sys.executable, str(ROOT / "cli.py")]


def prepare(voc: Path, photos: Path, number: int, broken: int) -> None:
    """Fill the folder `photos` with `number` files, 1,000 per folder: links to photos of `voc`, and `broken` files."""
    originals = sorted((voc / "JPEGImages").iterdir())
    step = number // broken
    for index in range(number):
        photo = photos / f"{index // 1000:03}" / f"{index:06}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        original = originals[index % len(originals)].resolve()
        if index % step == step // 2:
            # In turn a truncated, an empty and a text file.
            content = original.read_bytes()
            photo.write_bytes((content[: len(content) // 2], b"", b"not an image")[index // step % 3])
        else:
            photo.symlink_to(original)


class BatchRun:
    """A running `batch` of `photos` to `out`, with its peak memory in MB and its progress."""

    def __init__(self, photos: Path, out: Path, process: "subprocess.Popen[str]") -> None:
        self.photos = photos
        self.out = out
        self.process = process
        self.peak = 0.0
        self._samples: list[tuple[float, int]] = []  # time and number of masks

    def watch(self, masks: int | None = None) -> None:
        """Record memory and progress once a second, until there are `masks` masks or the run has ended."""
        while self.process.poll() is None:
            self.peak = max(self.peak, proportional_megabytes([self.process.pid, *descendants(self.process.pid)]))
            done = sum(1 for _ in self.out.glob("*/*.png"))
            self._samples.append((time.monotonic(), done))
            if masks is not None and done >= masks:
                return
            time.sleep(1)

    def worker(self) -> int:
        """Return the process id of Ray's worker."""
        # Ray's state API would tell it too, but needs Ray's dashboard, which `batch` does not start.
        return next(pid for pid in descendants(self.process.pid) if command_line(pid).startswith("ray::RemoteWorker"))

    def output(self) -> str:
        """Return the standard output, when the run has ended."""
        return self.process.communicate()[0].strip()

    def rate(self) -> float:
        """Return the photos per second between the first and the last mask."""
        first = next(index for index, (_, done) in enumerate(self._samples) if done > self._samples[0][1])
        (began, before), (ended, after) = self._samples[first], self._samples[-1]
        return (after - before) / (ended - began)


@contextmanager
def running_batch(photos: Path, out: Path) -> Iterator[BatchRun]:
    """Start `batch`, and end it after the block."""
    options = ["--size", "model", "--ray", "local"]
    with process_group([*CLI, "batch", photos, out, *options], stdout=subprocess.PIPE) as process:
        yield BatchRun(photos, out, process)


def manifest(out: Path) -> list[dict[str, object]]:
    """Return the rows of the manifest."""
    rows: list[dict[str, object]] = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    return rows


def predict_rate(photos: Path, out: Path) -> float:
    """Run `predict`, and return its photos per second between the first and the last mask."""
    out.mkdir()
    command = [*CLI, "predict", str(photos), "--output", "mask", "--size", "model", "-o", str(out)]
    subprocess.run(command, cwd=ROOT, check=False)  # status 1, because of the broken files
    times = sorted(mask.stat().st_mtime for mask in out.rglob("*.png"))
    return (len(times) - 1) / (times[-1] - times[0])


def main() -> None:
    parser = argument_parser("benchmarks.batch", __doc__)
    parser.add_argument("voc", type=Path, help="a folder with JPEGImages")
    parser.add_argument("--photos", type=int, default=5000, help="files of the large run; default: 5000")
    parser.add_argument("--broken", type=int, default=50, help="broken files among them; default: 50")
    parser.add_argument("--few", type=int, default=500, help="files of the small run; default: 500")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Run all, in `folder`, and print the table."""
    number, broken, few = arguments.photos, arguments.broken, arguments.few
    prepare(arguments.voc, folder / "few", few, max(1, broken * few // number))
    prepare(arguments.voc, folder / "many", number, broken)

    with running_batch(folder / "few", folder / "few-out") as small:
        small.watch()
    loop = predict_rate(folder / "few", folder / "few-predicted")

    out = folder / "many-out"
    with running_batch(folder / "many", out) as interrupted:
        interrupted.watch(number // 3)
        interrupted.process.send_signal(signal.SIGINT)
        print(interrupted.output())
    kept = {row["path"]: (out / str(row["mask"])).stat() for row in manifest(out) if row["mask"]}
    with running_batch(folder / "many", out) as resumed:
        resumed.watch(number // 2)
        os.kill(resumed.worker(), signal.SIGKILL)
        resumed.watch()
        print(resumed.output())

    unchanged = sum((out / f"{path}.mask.png").stat().st_mtime_ns == was.st_mtime_ns for path, was in kept.items())
    masks = [str(row["mask"]) for row in manifest(small.out) if row["mask"]]
    pairs = [(small.out / mask, folder / "few-predicted" / mask) for mask in masks]
    same = sum(mask.read_bytes() == other.read_bytes() for mask, other in pairs)
    table = {
        **completeness(out, folder / "many", broken),
        "masks of the interrupted run that were not written again": f"{unchanged:,} of {len(kept):,}",
        "masks equal to those of `predict`": f"{same:,} of {len(pairs):,}",
        f"peak memory with {few:,} files": f"{small.peak:.0f} MB",
        f"peak memory with {number:,} files": f"{max(interrupted.peak, resumed.peak):.0f} MB",
        f"images per second with {few:,} files": f"{small.rate():.1f}; `predict` {loop:.1f}",
        f"images per second with {number:,} files": f"{interrupted.rate():.1f}",
    }
    print("| promise | measured |\n| --- | --- |")
    for promise, measured in table.items():
        print(f"| {promise} | {measured} |")


def completeness(out: Path, photos: Path, broken: int) -> dict[str, str]:
    """Return rows of the table about the manifest and the masks in `out`, which should have all of `photos`."""
    names = {path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg")}
    rows = manifest(out)
    times = Counter(str(row["path"]) for row in rows)
    good = {str(row["mask"]) for row in rows if row["error"] is None}
    found = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".parquet")
    files = {path.relative_to(out).as_posix() for path in found}
    return {
        f"rows in the manifest for {len(names):,} files": f"{len(times.keys() & names):,}",
        "files with more than one row": str(sum(count > 1 for count in times.values())),
        f"masks of {len(names) - broken:,} good files": f"{len(files & good):,}",
        "other files among the masks": str(len(files - good)),
        f"errors of {broken} broken files": str(len(rows) - len(good)),
    }


if __name__ == "__main__":
    main()
