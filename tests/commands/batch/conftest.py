"""Fixtures of the tests of `batch`."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.processes import with_variable
from tests.support.service import wait_for


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """The environment of a run, with a folder for Ray's files. Afterwards, wait until all processes of Ray have ended.

    pytest's temporary folders have longer paths than Ray's sockets may have.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield os.environ | {"IMAGE_SIZE": "65", "TMPDIR": folder}
        # Some processes of Ray end a minute after their driver was killed.
        wait_for(lambda: not with_variable("TMPDIR", folder))
