"""The README says only what is true: its table is the code's, its commands run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from config import Settings
from docs.generate import generated, settings_table
from tests.support.paths import ROOT
from tests.support.service import ServiceProcess

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_settings_table_is_the_codes() -> None:
    assert generated(README) == README, "run: make docs"
    assert settings_table() in README
    assert settings_table().count("\n") == len(Settings.__dataclass_fields__) + 1


CURLS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl")]


@pytest.mark.parametrize("command", CURLS)
def test_each_curl_command_answers(command: str, service: ServiceProcess, tmp_path: Path) -> None:
    command = command.replace("http://localhost:5000", service.url)
    for name in ("assets", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    run = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    if saved := re.search(r"-o (\S+)", command):
        with Image.open(tmp_path / saved[1]) as picture:
            assert picture.format == {".png": "PNG", ".jpg": "JPEG"}[Path(saved[1]).suffix]
        return
    assert ('"message"' if "README.md" in command else '"ok"' if "predict" in command else '"person"') in run.stdout


def test_the_python_example_runs(service: ServiceProcess) -> None:
    [code] = blocks("python")
    code = code.replace("http://localhost:5000", service.url)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"7\d% of the picture is cat\n", run.stdout)


def test_each_make_target_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([\w-]+)", README)) <= targets


TESTS = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
DOCUMENTS = [path for path in ROOT.rglob("*.md") if not path.relative_to(ROOT).parts[0].startswith(".")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_is_there(document: Path) -> None:
    text = document.read_text()
    links = [document.parent / link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)]
    files = [ROOT / name for name in re.findall(r"`((?:api|benchmarks|commands|core|tests)/\w+\.py)`", text)]
    assert [str(path) for path in links + files if not path.exists()] == []
    assert [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in TESTS] == []
