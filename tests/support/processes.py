"""Starts commands in process groups, and reads what /proc says about processes, see proc(5)."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

# A command behind this is process 1 of its own namespace, as in a container.
PROCESS_1 = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--pid", "--fork", "--mount-proc"]
# A killed process can take seconds to release gigabytes of memory.
SECONDS_TO_DIE = 30


@contextmanager
def process_group(
    command: Sequence[str | Path], *, cwd: Path = ROOT, seconds_to_end: float = 60, **options: Any
) -> Iterator["subprocess.Popen[str]"]:
    """Run `command` in a new session, and end all processes of the session after the block.

    The process group of the command gets SIGTERM. When the command has ended, or after `seconds_to_end`, all processes
    of the session get SIGKILL; Ray's are in other process groups of it. `options` are those of subprocess.Popen.
    """
    with subprocess.Popen(command, cwd=cwd, text=True, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            try:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(seconds_to_end)
            finally:
                kill_session(process.pid)


def kill_session(leader: int) -> None:
    """Send SIGKILL to all processes of the session that `leader` started; return when they have ended."""
    deadline = time.monotonic() + SECONDS_TO_DIE
    while (members := _session(leader)) and time.monotonic() < deadline:
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def memory_megabytes(pid: int, field: str = "VmRSS") -> float:
    """Return a memory field of /proc/PID/status in MB of 1,000,000 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6


def threads(pid: int) -> int:
    """Return the number of threads of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def open_files(pid: int) -> int:
    """Return the number of open files of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def proportional_megabytes(pids: Iterable[int]) -> float:
    """Return the memory of processes in MB of 1,000,000 bytes, with shared pages counted once (the sum of Pss)."""
    lines = (line.split() for pid in pids for line in _read(pid, "smaps_rollup").splitlines())
    return sum(int(words[1]) for words in lines if words[0] == "Pss:") * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds."""
    # utime and stime are the 12th and 13th field after the command's name, which may contain spaces and parentheses.
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return the processes whose parent is `pid`."""
    return [child for child, parent in _parents().items() if parent == pid]


def parent(pid: int) -> int:
    """Return the parent of the process `pid`. Raises KeyError if it has ended."""
    return _parents()[pid]


def descendants(pid: int) -> set[int]:
    """Return the children of `pid`, the children of these, and so on."""
    parents = _parents()
    found, added = set[int](), {pid}
    while added:
        added = {child for child, parent in parents.items() if parent in added}
        found |= added
    return found


def command_line(pid: int) -> str:
    """Return the command of a process and its arguments, or its title if it has set one; "" if it has ended."""
    return _read(pid, "cmdline").replace("\0", " ").strip()


def with_variable(name: str, value: str) -> set[int]:
    """Return the other processes that were started with the environment variable `name` set to `value`."""
    entry = f"{name}={value}"
    return {pid for pid in _pids() if pid != os.getpid() and entry in _read(pid, "environ").split("\0")}


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _status() -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat that follow the command's name: state, parent, group, session, ..."""
    status = {pid: _read(pid, "stat").rpartition(")")[2].split() for pid in _pids()}
    return {pid: fields for pid, fields in status.items() if fields}


def _parents() -> dict[int, int]:
    """Return the parent of each process."""
    return {pid: int(fields[1]) for pid, fields in _status().items()}


def _session(leader: int) -> list[int]:
    """Return the processes of the session that `leader` started, except those that have ended and wait for reaping."""
    return [pid for pid, fields in _status().items() if int(fields[3]) == leader and fields[0] not in "ZX"]


def _read(pid: int, name: str) -> str:
    """Return a file of /proc/PID; "" if the process has ended or belongs to another user."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
