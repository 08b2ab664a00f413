"""The environment of a decoder process: nothing but what finds Python and its packages."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from core.decoders.child import Child
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import wait_for

DECODE = f"""
from core.decoders.decoder_pool import DecoderPool
pool = DecoderPool(65, 10**6, 60)
pool.wait_until_ready()
with pool.read(open({str(CHELSEA)!r}, "rb").read()) as picture:
    print(picture.size)
"""


def environment_of(child: Child) -> dict[str, str]:
    entries = Path(f"/proc/{child.pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def test_child_gets_no_variable_but_those_that_find_python_and_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    child = Child(["-c", "import time; time.sleep(60)"], 1, [])
    wait_for(lambda: bool(environment_of(child)))
    assert environment_of(child).keys() == {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "LD_LIBRARY_PATH"}
    assert environment_of(child)["LD_LIBRARY_PATH"] == "/opt/lib"
    child.end()


@pytest.mark.parametrize("base", [ROOT, Path(sysconfig.get_path("purelib"))])
def test_decoder_starts_where_the_packages_are_found_by_a_relative_pythonpath_only(base: Path) -> None:
    # Not the interpreter of a virtual environment, which finds its packages by itself.
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    paths = (ROOT, Path(sysconfig.get_path("purelib")))
    run = subprocess.run(
        [python, "-c", DECODE],
        cwd=base,
        env={"PYTHONPATH": os.pathsep.join(os.path.relpath(path.resolve(), base.resolve()) for path in paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "(451, 300)\n", run.stderr
