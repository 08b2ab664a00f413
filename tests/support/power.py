"""A power cut: of a killed command, only what it had synced stays.

`python -m tests.support.power RECORD COMMAND...` runs `cli.py COMMAND...` and records in the file RECORD what
os.fsync() puts on the disk: files, and the names in folders. lose_unsynced() then removes the results that a power cut
can take: those that were not synced, or whose folder was not synced after they got their name. Journals and rows stay,
synced or not: the worst case, in which they tell of results that are gone.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def record(file: Path) -> None:
    """Add a line to `file` for each file and folder that this process syncs from now on."""
    fsync: Callable[[Any], None] = os.fsync

    def recorded(fd: Any) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        # The names that are there before: one that comes meanwhile need not be on the disk.
        names = [[entry.name, entry.inode()] for entry in os.scandir(path)] if path.is_dir() else None
        inode = os.fstat(fd).st_ino
        fsync(fd)
        with file.open("a") as lines:
            lines.write(json.dumps([str(path), inode, names]) + "\n")

    vars(os)["fsync"] = recorded


def lose_unsynced(out: Path, file: Path) -> list[str]:
    """Remove the results in `out` that were not on the disk, as `file` tells; return their names."""
    written, named = set[int](), set[tuple[str, str, int]]()
    for line in file.read_text().splitlines():
        path, inode, names = json.loads(line)
        if names is None:
            written.add(inode)
        else:
            # A name counts if its file was synced before: else it may be that of an empty file.
            named |= {(path, name, number) for name, number in names if number in written}
    lost = []
    for result in out.rglob("[!.]*.png"):
        if (str(result.parent.resolve()), result.name, result.stat().st_ino) not in named:
            result.unlink()
            lost.append(result.name)
    return lost


if __name__ == "__main__":
    record(Path(sys.argv[1]).absolute())
    sys.argv[:2] = ["cli.py"]
    from cli import main

    main()
