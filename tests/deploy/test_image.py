"""The Dockerfile: the labels of the image, and its entry point with the code of this repository."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from segmenter import __version__
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT, running_service

DOCKERFILE = (ROOT / "Dockerfile").read_text()
[ENTRYPOINT] = [json.loads(line) for line in re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)]
# What the init of the image starts; this machine has none at that place.
INIT, COMMAND = ENTRYPOINT[: ENTRYPOINT.index("--")], ENTRYPOINT[ENTRYPOINT.index("--") + 1 :]
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_labels_are_those_of_the_project() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="(.*)"', DOCKERFILE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [base] = re.findall(r"^FROM (\S+) AS base$", DOCKERFILE, re.MULTILINE)
    # test_licenses.py tests those of the other parts of the image.
    assert labels.pop("licenses").startswith(project["license"])
    assert labels == {
        "title": project["name"],
        "description": project["description"],
        "version": __version__,
        "base.name": base.split("@")[0],
        "source": "$SOURCE",
        "revision": "$REVISION",
        "created": "$CREATED",
    }
    assert {"SOURCE", "REVISION", "CREATED"} <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))


def test_only_one_line_names_the_base_image() -> None:
    first, *others = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert first.startswith("python:3.11-slim")
    assert set(others) == {"base"}


def test_entrypoint_begins_with_init_that_reaps_wherever_it_runs() -> None:
    assert INIT == ["/usr/bin/tini", "-s"]
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(
        r"apt-get install --yes --no-install-recommends tini\b.*rm -r /var/lib/apt/lists", final, re.DOTALL
    )


def run_entrypoint(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run what the image's entry point starts, with `arguments`."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


def test_entrypoint_with_command_runs_the_command_line() -> None:
    run = run_entrypoint("predict", "--help")
    assert run.returncode == 0
    assert run.stdout.startswith("Usage: cli.py predict")


def test_entrypoint_with_unknown_command_ends_with_its_name() -> None:
    run = run_entrypoint("no such command")
    assert run.returncode == 2
    assert "No such command 'no such command'" in run.stderr


def test_entrypoint_without_arguments_serves_until_sigterm(tmp_path: Path) -> None:
    with running_service(COMMAND, log=tmp_path / "log", ready_path="/health/live", PATH=PATH) as service:
        # The shell has made room for Python, so that the signal reaches the server.
        assert Path(f"/proc/{service.process.pid}/cmdline").read_bytes() == b"python\0app.py\0"
        assert service.stop() == 0
