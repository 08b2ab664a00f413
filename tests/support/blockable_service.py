"""A service whose workers a test can block: its queue stays full, and its requests in flight, for as long as needed."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.service import ServiceProcess, running_service

COMMAND = (sys.executable, "-m", "tests.support.blockable_app")


@dataclass(kw_only=True)
class BlockableService(ServiceProcess):
    """The service, with the file `lock` that blocks its workers and the file `log` that it writes."""

    lock: Path
    log: Path

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Block the workers until the end of the block: each waits before it decodes its image."""
        with self.lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextmanager
def blockable_service(folder: Path, **environment: str) -> Iterator[BlockableService]:
    """Start the service with its log and its lock in `folder`; begin the block when it is ready."""
    lock, log = folder / "lock", folder / "log"
    lock.touch()
    # With two threads, the service has two workers, however many cores there are.
    environment = {"LOCK_FILE": str(lock), "THREADS": "2"} | environment
    with running_service(COMMAND, log=log, **environment) as service:
        yield BlockableService(service.process, service.port, lock=lock, log=log)
