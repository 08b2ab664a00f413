"""Ray, on this machine alone or on many."""

import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import ray

from core.errors import SegmenterError

ROOT = Path(__file__).parent.parent.parent
# What workers on other machines can do without.
EXCLUDED = ["/.git", "/.venv*", "/.*_cache", "/tests", "/docs", "/benchmarks", "/deploy", "**/__pycache__"]
# Bytes of shared memory for what passes between the processes of one machine: paths and rows, never pictures.
OBJECT_STORE = 150_000_000


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[None]:
    """Be connected to the Ray cluster at `address`, or to one of this machine with `cpus` that ends with the context.

    Raises SegmenterError where there is no such cluster.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    # Ray sets its loggers up anew whenever it likes; what goes wrong is raised too.
    logging.disable(logging.ERROR)
    # Workers look for modules where Ray was started first, and a user's folder may have an app.py of its own.
    # What Ray tells of workers that died is not what the command prints.
    private = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
    with chdir(ROOT), redirect_stdout(sys.stderr), private as folder:
        try:
            if address:
                _call(address)
                ray.init(address, runtime_env={"working_dir": str(ROOT), "excludes": EXCLUDED}, **quiet)
            else:
                # A secret of this run's, where Ray would keep one in the user's home.
                os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
                ray.init(
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE,
                    _temp_dir=folder,
                    **quiet,
                )
            yield
        except (ConnectionError, TimeoutError, socket.gaierror) as error:
            raise SegmenterError(f"--ray={address!r} can't be reached: {error}") from error
        finally:
            ray.shutdown()
            logging.disable(logging.NOTSET)


def _call(address: str) -> None:
    """Raise OSError where nobody answers at the host and port of `address`, if it has any: Ray tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
