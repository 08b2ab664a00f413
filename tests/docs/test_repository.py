"""The files for contributors match the repository: workflow, dependabot, Makefile."""

import re
import subprocess

import yaml

from tests.support.paths import ROOT

GITHUB = ROOT / ".github"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE)


def test_workflow_runs_targets_that_exist() -> None:
    workflow = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    used = {target for command in commands for target in re.findall(r"\bmake ([\w-]+)", command)}
    assert {"check", "test", "test-all"} <= used <= set(TARGETS)


def test_dependabot_covers_every_requirements_file() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    [pip] = [update for update in updates if update["package-ecosystem"] == "pip"]
    folders = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    files = [ROOT / "requirements.txt", *(file for folder in folders for file in folder.rglob("requirements.txt"))]
    assert set(pip["directories"]) == {f"/{file.parent.relative_to(ROOT)}".replace("/.", "/") for file in files}


def test_make_without_target_prints_help_of_every_target() -> None:
    run = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split(maxsplit=1) for line in run.stdout.splitlines()]
    assert [target for target, _ in listed] == TARGETS


def test_every_target_is_phony() -> None:
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(phony.split()) == sorted(TARGETS)
