"""A connection to a Ray cluster, or a cluster on this machine."""

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
# Paths that workers on other machines do not need.
EXCLUDED = ["/.git", "/.venv*", "/.*_cache", "/tests", "/docs", "/benchmarks", "/deploy", "**/__pycache__"]
# Bytes of shared memory for the objects that Ray passes between processes: paths and rows, never pictures.
OBJECT_STORE = 150_000_000


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[None]:
    """Connect to the Ray cluster at `address`; without one, start a cluster on this machine with `cpus` CPUs.

    The cluster on this machine ends with the context. Raises SegmenterError if `address` can't be reached.
    """
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    # Ray reconfigures its loggers; errors are also raised, so its records are suppressed.
    logging.disable(logging.ERROR)
    # Workers search modules in the folder where Ray was started, and the user's folder may hold an app.py.
    # Ray's messages about dead workers must not mix with the output of the command.
    private = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
    with chdir(ROOT), redirect_stdout(sys.stderr), private as folder:
        try:
            if address:
                _connect(address)
                ray.init(address, runtime_env={"working_dir": str(ROOT), "excludes": EXCLUDED}, **quiet)
            else:
                # A secret for this run only; Ray would store one in the user's home folder.
                os.environ |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_TMPDIR": folder}
                ray.init(
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE,
                    **quiet,
                )
            yield
        except (ConnectionError, TimeoutError, socket.gaierror) as error:
            raise SegmenterError(f"--ray={address!r} can't be reached: {error}") from error
        finally:
            ray.shutdown()
            logging.disable(logging.NOTSET)


def _connect(address: str) -> None:
    """Raise OSError if the host and port of `address` accept no connection; Ray would retry for minutes.

    Raises SegmenterError for an address of Ray Client, which can't send rows one after another.
    """
    if address.startswith("ray://"):
        raise SegmenterError(f"--ray={address!r} can't be used: run batch on a machine of the cluster, with --ray auto")
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
