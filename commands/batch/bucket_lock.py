"""One run at a time writes to a bucket: it has a file there, and changes it as a sign that it lives.

Buckets have no locks that end with a process. No clock is compared: a run has ended if its file does not change.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import orjson

from commands.batch.storage import Storage
from commands.shared.errors import reason
from commands.shared.lock import FILE, in_use, this_process
from commands.shared.say import say
from core.errors import SegmenterError

# Seconds between two signs of life, and seconds without one after which another run takes the bucket.
SIGN, SILENCE = 20.0, 60.0
# Seconds between two looks at another run's file, and until a run that took a bucket looks if it still has it.
LOOK = 2.0

Content = dict[str, str | int]


class BucketLock:
    """This run's file in the bucket `target`."""

    def __init__(self, target: Storage) -> None:
        self._target = target
        self._mine: Content = {"run": secrets.token_hex(8), "owner": this_process(), "signs": 0}
        self._mine |= life(os.getpid())
        self._lost_to = ""
        self._ended = Event()

    def check(self) -> None:
        """Raise SegmenterError if another run has taken the bucket."""
        if self._lost_to:
            raise SegmenterError(
                f"{self._target.url} was taken by {self._lost_to}, because this run gave no sign of life for "
                f"{SILENCE:g} s; the same command goes on after the end of that run"
            )

    def take(self) -> None:
        """Take the bucket. Raises SegmenterError if another run has it, and the exceptions of the file system."""
        while not self._target.write_new(FILE, orjson.dumps(self._mine)):
            if (other := self._other()) and self._has_ended(other) and self._other() == other:
                self._target.write(FILE, orjson.dumps(self._mine))
                break
        else:
            return
        # Another run may have taken it, too.
        time.sleep(LOOK)
        if other := self._other():
            raise in_use(self._target.url, str(other["owner"]))

    def keep(self) -> None:
        """Give signs of life until release(), or until another run has taken the bucket."""
        while not self._ended.wait(SIGN):
            with suppress(Exception):  # whatever a network does, the next sign is tried
                if other := self._other():
                    self._lost_to = str(other["owner"])
                    return
                self._mine["signs"] = int(self._mine["signs"]) + 1
                self._target.write(FILE, orjson.dumps(self._mine))

    def release(self) -> None:
        """Give the bucket free."""
        self._ended.set()
        with suppress(Exception):  # the next run finds that this one has ended
            if not self._other():
                self._target.delete(FILE)

    def _other(self) -> Content | None:
        """Return the file of another run; None if there is none."""
        try:
            with self._target.open(FILE) as file:
                content = file.read()
        except FileNotFoundError:
            return None
        try:
            found = {"run": "", "owner": ""} | orjson.loads(content)
        except (orjson.JSONDecodeError, TypeError):
            found = {"run": "", "owner": ""}
        return None if found["run"] == self._mine["run"] else found

    def _has_ended(self, other: Content) -> bool:
        """Return whether the run `other` has ended, or has given the bucket free. Raises SegmenterError if it lives."""
        same_machine = bool(self._mine["machine"]) and self._mine["machine"] == other.get("machine")
        if same_machine:
            if life(int(other["pid"])) == {name: other.get(name) for name in ("machine", "pid", "began")}:
                raise in_use(self._target.url, str(other["owner"]))
            return True
        say(f"{self._target.url} has the lock of {other['owner'] or 'another run'}; looking if that lives")
        end = time.monotonic() + SILENCE
        while time.monotonic() < end:
            time.sleep(LOOK)
            if (now := self._other()) != other:
                if now:
                    raise in_use(self._target.url, str(now["owner"]))
                return True
        return True


@contextmanager
def only_run_in_bucket(target: Storage) -> Iterator[Callable[[], None]]:
    """Let no other run write to the bucket `target` during the block; yield BucketLock.check().

    Raises SegmenterError if another run does, or if the bucket can't be written.
    """
    lock = BucketLock(target)
    try:
        lock.take()
    except SegmenterError:
        raise
    except Exception as error:  # each client of a bucket has exceptions of its own, as for missing credentials
        raise SegmenterError(f"{target.url} can't be written: {reason(error)}") from error
    try:
        thread = Thread(target=lock.keep, name="bucket lock", daemon=True)
        thread.start()
        yield lock.check
    finally:
        lock.release()
        thread.join()


def life(pid: int) -> Content:
    """Return what tells the process `pid` of this machine from all others; without a machine if /proc does not tell.

    See proc(5): the time of a process's start is the 20th field after the name of its program.
    """
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:
        machine = ""
    try:
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        began = ""  # it has ended
    return {"machine": machine, "pid": pid, "began": began}
