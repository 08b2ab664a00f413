"""`pytest --quick`: each test is skipped at the moment at which it starts a process or imports TensorFlow.

So no list tells which tests are quick, and a new test needs no mark. Python reports both as audit events, to this
module too: https://docs.python.org/3/library/audit_events.html
"""

import sys
from typing import Any

import pytest

STARTS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}


def skip_slow_starts() -> None:
    """Skip tests, fixtures and modules of this session that start a process or import TensorFlow."""
    sys.addaudithook(_skip)


def _skip(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS:
        # No `except Exception` of the code under test catches it.
        raise pytest.skip.Exception("starts a process", allow_module_level=True)
    if event == "import" and arguments[0] == "tensorflow":
        raise pytest.skip.Exception("imports TensorFlow", allow_module_level=True)
