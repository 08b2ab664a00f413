"""What forked processes print themselves, such as TensorFlow's C code and Granian's Rust code, becomes log records."""

import logging
import os
from functools import partial
from threading import Thread
from typing import BinaryIO

from core import log as logs

MAX_LINE = 4096  # bytes

logger = logging.getLogger(__name__)


def log_prints() -> None:
    """Log each line that processes print which are forked from now on.

    The lines go to a pipe that this process reads. A print never waits: what finds no room in the pipe is lost. The
    pipe outlives the other process, so that the last words of one that crashes are logged, too.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(read_end, True)
    os.register_at_fork(after_in_child=partial(_redirect, write_end))
    pipe = open(read_end, "rb")  # noqa: SIM115 - until this process ends
    Thread(target=_log_lines, args=[pipe], daemon=True).start()


def _redirect(write_end: int) -> None:
    logs.restart()
    for descriptor in (logs.STDOUT, logs.STDERR):
        os.dup2(write_end, descriptor)


def _log_lines(pipe: BinaryIO) -> None:
    for line in iter(partial(pipe.readline, MAX_LINE), b""):
        logger.warning("the worker printed: %s", line.decode(errors="backslashreplace"))
