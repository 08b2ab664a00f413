"""Another Python or system ends a program with one line, and every list of versions is that of core.supported."""

import platform
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from core.supported import PYTHONS, require_support
from tests.support.paths import ROOT

VERSIONS = [f"{major}.{minor}" for major, minor in PYTHONS]


@pytest.mark.parametrize(("version", "name"), [((3, 10, 4), "3.10.4"), ((3, 14, 0), "3.14.0")])
def test_other_python_ends_with_what_is_needed(
    version: tuple[int, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(
        SystemExit, match=rf"^error: Python {name} on Linux can't be used; needed: .* or Docker: "
    ) as end:
        require_support()
    assert "\n" not in str(end.value)


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_other_system_ends_with_what_is_needed(system: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    with pytest.raises(SystemExit, match=f"on {name} can't be used; needed: Python 3.11, 3.12 or 3.13 on Linux"):
        require_support()


@pytest.mark.parametrize("program", ["app.py", "cli.py"])
def test_program_on_other_system_ends_with_one_line_before_its_imports(program: str) -> None:
    code = f"""
import platform, runpy, sys
platform.system = lambda: "Darwin"
try:
    runpy.run_path({program!r}, run_name="__main__")
finally:
    assert not {{"flask", "click", "config"}} & set(sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert re.fullmatch(r"error: Python \S+ on macOS can't be used; needed: .*\n", run.stderr)


def test_lists_of_versions_are_those_of_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f">={VERSIONS[0]},<3.{PYTHONS[-1][1] + 1}"
    prefix = "Programming Language :: Python :: "
    classifiers = project["project"]["classifiers"]
    assert [name.removeprefix(prefix) for name in classifiers if name.startswith(prefix)] == VERSIONS
    assert project["tool"]["mypy"]["python_version"] == VERSIONS[0]
    assert project["tool"]["ruff"]["target-version"] == f"py{VERSIONS[0].replace('.', '')}"
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    tested = [VERSIONS[0], *workflow["jobs"]["other-python"]["strategy"]["matrix"]["python"]]
    assert tested == VERSIONS
    [others] = re.findall(r"for version in ([\d. ]+); do", (ROOT / ".ci/run").read_text())
    assert others.split() == VERSIONS[1:]
    assert f"Python {VERSIONS[0]}, {VERSIONS[1]} or {VERSIONS[2]}" in (ROOT / "CONTRIBUTING.md").read_text()
