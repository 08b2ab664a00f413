"""Runs of `cli.py batch` in processes of their own, and what they leave."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.dataset

from tests.support.paths import ROOT
from tests.support.processes import process_group
from tests.support.service import TIMEOUT

BATCH = (sys.executable, str(ROOT / "cli.py"), "batch")


@contextmanager
def started(
    *arguments: object, cwd: Path, environment: dict[str, str], command: tuple[str, ...] = BATCH
) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    with process_group([*command, *map(str, arguments)], cwd=cwd, env=environment, stdout=pipe, stderr=pipe) as process:
        yield process


def finish(process: "subprocess.Popen[str]", status: int = 0) -> str:
    """Wait until `process` ends with `status`, and return its standard output."""
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == status, errors
    return output


def manifest(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the manifest by the paths of the photos. Each photo must have one row."""
    rows = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == len(rows)
    return by_path


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return the inode and the time of each file, which change if the file is written again."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.suffix == ".part")
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}
