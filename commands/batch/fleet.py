"""Workers on a Ray cluster, and the photos that each of them has: none is lost if a worker or its machine ends."""

import math
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayActorError, RayError

from commands.batch.job import Job
from commands.batch.worker import TRANSIENT_ERROR, Worker
from commands.shared.say import say
from commands.shared.stop import LOOK, Stop
from core.errors import SegmenterError

# Photos that a worker gets at a time, and tasks that it has at a time, so that it never waits for the driver.
TASK_SIZE, TASKS = 32, 2
# A photo that a worker had at its end is tried again this often: the end of a machine is not the fault of the photo.
RETRIES = 3
# After more ends of its workers a photo is tried without others, since one of those may be the cause.
WITH_OTHERS = 1
# Seconds of which a worker sends the rows together. A message for each photo costs the driver 5 % of its inference.
TOGETHER = 1.0
# Workers that end before they can work are replaced this often, until one of them works.
STARTS = 3
# Seconds without a worker, after which a line says so.
PATIENCE = 60.0


class RemoteWorker:
    """A Worker in a process of the cluster."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def load(self) -> None:
        """Load the model. Raises ModelError, and the exceptions of the file systems."""
        self._worker = Worker(self._job)

    def rows(self, paths: list[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of the photos `paths`, see Worker.finished(), those of TOGETHER seconds at a time."""
        rows: list[dict[str, Any]] = []
        sent_at = time.monotonic()
        for finished in self._worker.finished(paths, Stop()):
            rows += finished
            if rows and time.monotonic() > sent_at + TOGETHER:
                yield rows
                rows, sent_at = [], time.monotonic()
        if rows:
            yield rows


@dataclass(eq=False)
class _Actor:
    """A worker, the photos that it has, by task, and whether these are tried without others."""

    handle: Any
    tasks: dict[Any, set[str]] = field(default_factory=dict)
    alone: bool = False


class Fleet:
    """`number` workers for a `job`, on the cluster to which this process is connected, and the `photos` that are left.

    A worker that ends is replaced as soon as the cluster has room, and the others get its photos meanwhile. A machine
    need not come back.
    """

    def __init__(self, job: Job, photos: pa.ChunkedArray, number: int) -> None:
        self._job, self._number = job, number
        self._photos, self._next = photos, 0
        self._again = deque[str]()
        self._alone = deque[str]()
        self._ends = Counter[str]()
        self._lost_starts = 0
        self._worked_at = time.monotonic()
        self._class = ray.remote(RemoteWorker).options(num_cpus=job.threads, max_concurrency=TASKS)
        self._starting: dict[Any, _Actor] = {}
        self._ready: list[_Actor] = []
        for _ in range(number):
            self._start()

    def rows(self, stop: Stop) -> Iterator[list[dict[str, Any]]]:
        """Yield rows of RESULT, without the columns that have no value, of photos that are finished.

        After a signal to `stop`, no photo is begun, and only those are waited for that are finished in time. Raises
        SegmenterError if no worker can start, and RayError.
        """
        while stop.wants():
            if not stop.is_set():
                self._give()
            self._report_waiting()
            running = [task for actor in self._ready for task in actor.tasks]
            if not running and (stop.is_set() or not self._has_more()):
                return
            waited = [*self._starting, *running]
            done, _ = ray.wait(waited, num_returns=1, timeout=LOOK)
            if done:  # all that is there by now: the manifest writes it together
                done, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
            if rows := [row for reference in done for row in self._rows_of(reference)]:
                yield rows

    def _has_more(self) -> bool:
        return bool(self._next < len(self._photos) or self._again or self._alone)

    def _report_waiting(self) -> None:
        """Say once that there is no worker, and go on: machines can come back, and clusters can grow."""
        if self._ready:
            self._worked_at = time.monotonic()
        elif time.monotonic() > self._worked_at + PATIENCE:
            say(f"Ray has no worker yet: each needs {self._job.threads} CPUs of one machine of the cluster; waiting")
            self._worked_at = math.inf

    def _start(self) -> None:
        actor = _Actor(self._class.remote(self._job))
        self._starting[actor.handle.load.remote()] = actor

    def _give(self) -> None:
        """Give tasks to the workers that have room."""
        for actor in self._ready:
            if self._alone and not actor.tasks:
                self._run(actor, [self._alone.popleft()], alone=True)
            while len(actor.tasks) < TASKS and not actor.alone and (paths := self._take()):
                self._run(actor, paths, alone=False)

    def _take(self) -> list[str]:
        """Return the photos of the next task: fewer towards the end, so that all workers end at the same time."""
        left = len(self._again) + len(self._photos) - self._next
        size = min(TASK_SIZE, -(-left // (TASKS * self._number)))
        paths = [self._again.popleft() for _ in range(min(size, len(self._again)))]
        new: list[str] = self._photos.slice(self._next, size - len(paths)).to_pylist()
        self._next += len(new)
        return paths + new

    def _run(self, actor: _Actor, paths: list[str], *, alone: bool) -> None:
        actor.alone = alone
        actor.tasks[actor.handle.rows.options(num_returns="streaming").remote(paths)] = set(paths)

    def _rows_of(self, reference: Any) -> list[dict[str, Any]]:
        """Return the rows that `reference`, a start or a task, has now."""
        if actor := self._starting.pop(reference, None):
            try:
                ray.get(reference)
            except RayActorError as error:
                self._lost_starts += 1
                if self._lost_starts > STARTS * self._number:
                    raise SegmenterError(f"Ray's workers end before they can work: {last_line(error)}") from error
                self._start()
            else:
                self._ready.append(actor)
            return []
        actor = next((actor for actor in self._ready if reference in actor.tasks), None)
        if not actor:
            return []  # a task of a worker that has ended
        try:
            rows: list[dict[str, Any]] = ray.get(next(reference))
        except StopIteration:
            return self._return(actor.tasks.pop(reference), "it sent no row")
        except RayError as error:
            return self._replace(actor, last_line(error))
        actor.tasks[reference].difference_update(row["path"] for row in rows)
        self._lost_starts = 0
        return rows

    def _replace(self, actor: _Actor, why: str) -> list[dict[str, Any]]:
        """Replace a worker that has ended; return rows of those of its photos that are not tried again."""
        self._ready.remove(actor)
        ray.kill(actor.handle)
        self._start()
        return [row for paths in actor.tasks.values() for row in self._return(paths, why)]

    def _return(self, paths: set[str], why: str) -> list[dict[str, Any]]:
        """Take back the photos `paths` that a worker had at its end; return rows of those that are not tried again."""
        self._ends.update(paths)
        rows = []
        for path in sorted(paths):
            if self._ends[path] > RETRIES:
                error = f"its worker ended {self._ends[path]} times while it had this photo: {why}"
                rows.append({"path": path, TRANSIENT_ERROR: error})
            else:
                (self._again if self._ends[path] <= WITH_OTHERS else self._alone).append(path)
        return rows


def last_line(error: BaseException) -> str:
    """Return the last line of the message of `error`: Ray puts tracebacks above it."""
    return str(error).strip().splitlines()[-1].strip()
