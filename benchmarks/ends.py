"""Ends `predict`, `batch` and `watch` in six ways, and tells what is there then, and after the same command again.

The ends are Ctrl-C once and twice, SIGTERM, SIGHUP, SIGKILL, and a power cut: SIGKILL, after which only what was synced
is there. With --process-1, each command is process 1, as in a container without an init. Seconds are those from the
first signal to the end. Rows are those of the manifest of `batch` and of the journal of `watch`; `predict` has none.
Prints a table in Markdown; the exit status is 1 if a row lacks its result, a photo has two rows, or the same command
does not bring the rest.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pyarrow.dataset

from benchmarks.options import argument_parser
from tests.support.paths import CHELSEA, ROOT
from tests.support.power import lose_unsynced
from tests.support.processes import PROCESS_1, children, process_group
from tests.support.service import wait_for

ENDS = {
    "Ctrl-C": ["SIGINT"],
    "Ctrl-C twice": ["SIGINT", "SIGINT"],
    "SIGTERM": ["SIGTERM"],
    "SIGHUP": ["SIGHUP"],
    "SIGKILL": ["SIGKILL"],
    "power cut": ["SIGKILL"],
}
OPTIONS = ["--output", "mask", "--size", "model"]
ARGUMENTS = {
    "predict": ["in", "-o", "out/", *OPTIONS],
    "batch": ["in", "out", *OPTIONS],
    "watch": ["in", "out", *OPTIONS, "--settle", "0.1"],
}


@contextmanager
def running(command: str, folder: Path, *, records: bool, first: bool) -> Iterator["subprocess.Popen[str]"]:
    """Start a command in `folder`, which records what it syncs, or is process 1."""
    cli = ["-m", "tests.support.power", "record"] if records else [str(ROOT / "cli.py")]
    start = [*(PROCESS_1 if first else []), sys.executable, *cli, command, *ARGUMENTS[command]]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with process_group(
        start, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process


def results(out: Path) -> set[str]:
    """Return the names of the photos that have a result."""
    return {path.name.removesuffix(".mask.png") for path in out.glob("[!.]*.png")}


def rows(command: str, out: Path) -> list[str]:
    """Return the photos in the manifest of `batch`, also in what a killed run left, or in the journal of `watch`."""
    if command == "watch" and (out / "watch.sqlite3").exists():
        with closing(sqlite3.connect(out / "watch.sqlite3")) as journal:
            return [os.fsdecode(path) for (path,) in journal.execute("SELECT path FROM photos WHERE error IS NULL")]
    if command != "batch" or not (out / "manifest").exists():
        return []
    found: list[str] = []
    if list(out.glob("manifest/*.parquet")):
        found = pyarrow.dataset.dataset(out / "manifest").to_table(["path"])["path"].to_pylist()
    left = out / "manifest" / ".unwritten.jsonl"
    lines = left.read_bytes().splitlines()[1:] if left.exists() else []
    return found + [orjson.loads(line)["path"] for line in lines if line.endswith(b"}")]


def measure(command: str, end: str, number: int, *, first: bool) -> tuple[list[str], bool]:
    """Return the cells of the row about an `end` of a command over `number` photos, and whether all is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "out"
        (folder / "in").mkdir()
        for index in range(number):
            (folder / "in" / f"{index:04}.jpg").symlink_to(CHELSEA)
        with running(command, folder, records=end == "power cut", first=first) as process:
            wait_for(lambda: len(results(out)) > number // 4)
            pid = children(process.pid)[0] if first else process.pid
            began = time.monotonic()
            for text in ENDS[end]:
                os.kill(pid, getattr(signal, text))
                time.sleep(0.05)
            process.wait()
            seconds = time.monotonic() - began
        if end == "power cut":
            lose_unsynced(out, folder / "record")
        kept, listed = results(out), rows(command, out)
        good = set(listed) <= kept and len(set(listed)) == len(listed)
        status = resume(command, folder, lambda: len(results(out)) == number)
        after = rows(command, out)
        good &= len(results(out)) == number and (command == "predict" or sorted(after) == sorted(results(out)))
        counts = f"{len(kept)} | {len(listed) or '-'} | {len(results(out))} | {len(after) or '-'}"
        return [f"{seconds:.1f}", str(process.returncode), counts, str(status)], good


def resume(command: str, folder: Path, is_done: Callable[[], bool]) -> int:
    """Run the same command to its end; return its status."""
    with running(command, folder, records=False, first=False) as process:
        if command == "watch":
            wait_for(is_done)
            process.terminate()
        return process.wait()


def main() -> int:
    parser = argument_parser("benchmarks.ends", __doc__)
    parser.add_argument("--photos", type=int, default=200, help="photos of a run; default: 200")
    parser.add_argument("--process-1", action="store_true", help="each command is process 1")
    parser.add_argument("commands", nargs="*", default=list(ARGUMENTS), help="default: predict, batch and watch")
    arguments = parser.parse_args()
    print("| command | end | seconds | status | results | rows | results at last | rows at last | status at last |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    all_good = True
    for command in arguments.commands:
        for end in ENDS:
            cells, good = measure(command, end, arguments.photos, first=arguments.process_1 and end != "power cut")
            print(f"| {command} | {end} | {' | '.join(cells)} |{'' if good else ' LOST'}", flush=True)
            all_good &= good
    return not all_good


if __name__ == "__main__":
    sys.exit(main())
