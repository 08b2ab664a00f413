"""TensorFlow's information lines are dropped, everything else comes through."""

import os
from contextlib import suppress

import pytest

from core.tensorflow import without_information_lines


def test_only_information_lines_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress(KeyError), without_information_lines():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795400733.300229    3625 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795400733.300229    3625 port.cc:153] something is wrong\n")
        os.write(2, b"Illegal things\n")
        raise KeyError
    os.write(2, b"after\n")
    lines = capfd.readouterr().err.splitlines()
    assert [line[:5] for line in lines] == ["E0000", "Illeg", "after"]
