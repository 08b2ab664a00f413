"""The product follows the import rule of docs/architecture.md, and the checks of the rule find violations."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.architecture import (
    ALL,
    CHECKS,
    CLIENT_NAMES,
    CORE,
    DEVELOPMENT_NAMES,
    PRODUCT,
    PRODUCT_NAMES,
    Check,
    core_violations,
    cycle_violations,
    development_violations,
    environment_violations,
    layer_violations,
    private_violations,
    third_party_violations,
)
from tests.support.imports import Tree
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT


@pytest.mark.parametrize("check", CHECKS)
def test_product_has_no_import_violation(check: Check) -> None:
    assert "\n".join(check(PRODUCT)) == ""


@pytest.mark.parametrize("check", [private_violations, development_violations])
def test_development_code_has_no_import_violation(check: Check) -> None:
    assert "\n".join(check(ALL)) == ""


def test_import_rule_covers_all_code_of_the_docker_image() -> None:
    included = re.findall(r"^!(\w+)(?:\.py)?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    code = {name for name in included if (ROOT / f"{name}.py").exists() or (ROOT / name).is_dir()}
    assert code - {"assets"} == set(PRODUCT_NAMES)


def test_import_rule_covers_all_modules_and_packages_of_core() -> None:
    found = {path.stem for path in (ROOT / "core").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__"} == set().union(*CORE)


def test_architecture_document_lists_packages_of_core_in_order() -> None:
    _, _, rest = (ROOT / "docs" / "architecture.md").read_text().partition("from bottom to top:")
    table, _, _ = rest.partition("\n#")
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)/?`", row)) for row in rows] == CORE


def tree(folder: Path, files: dict[str, str]) -> Tree:
    """Write `files` to `folder`, and return a tree of the product's and the tests' modules among them."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Tree(folder, (*PRODUCT_NAMES, *CLIENT_NAMES, *DEVELOPMENT_NAMES))


LAZY = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import {0}
"""


@pytest.mark.parametrize(
    ("check", "file", "text", "message"),
    [
        (layer_violations, "commands/a.py", "def f():\n import api", "commands/a.py:2: commands.a imports api; rule: "),
        (core_violations, "core/image/a.py", "from ..model import x", "core/image/a.py:1: core.image.a imports core.m"),
        (third_party_violations, "api/a.py", LAZY.format("granian.http"), "api/a.py:5: api.a imports granian.http"),
        (environment_violations, "core/a.py", "from os import getenv", "core/a.py:1: core.a imports os.getenv; rule: "),
        (private_violations, "api/a.py", "import core.a as b\nb.C._x", "api/a.py:2: api.a uses b.C._x; rule: names "),
        (development_violations, "fuzz/a.py", "import tests.conftest", "fuzz/a.py:1: fuzz.a imports tests.conftest; "),
    ],
)
def test_check_of_forbidden_import_names_file_line_import_and_rule(
    check: Check, file: str, text: str, message: str, tmp_path: Path
) -> None:
    modules = ("api/__init__", "core/__init__", "core/model")
    fake = tree(tmp_path, dict.fromkeys([f"{name}.py" for name in modules], "") | {file: text})
    [violation] = check(fake)
    assert violation.startswith(message)
    assert "; rule: " in violation


def test_check_of_import_cycle_names_each_import_of_it(tmp_path: Path) -> None:
    fake = tree(
        tmp_path,
        {
            "core/a.py": "import core.b",
            "core/b.py": "def f():\n    from core import c",
            "core/c.py": LAZY.format("core.a"),
            "core/d.py": "import core.a",
        },
    )
    rule = "rule: no import cycles, and this is one: core.a -> core.b -> core.c -> core.a"
    assert list(cycle_violations(fake)) == [
        f"core/a.py:1: core.a imports core.b; {rule}",
        f"core/b.py:2: core.b imports core.c; {rule}",
        f"core/c.py:5: core.c imports core.a; {rule}",
    ]


def test_checks_of_allowed_imports_find_nothing(tmp_path: Path) -> None:
    fake = tree(
        tmp_path,
        {
            "app.py": "import os\nimport api\nfrom server import run\nos._exit(1)",
            "api/__init__.py": "from api import predict",
            "api/predict.py": "from flask import request\nfrom core.model import Model\nimport segmenter",
            "config.py": "import os\nfrom core.types import Size\nos.environ",
            "core/image/decode.py": "from __future__ import annotations\nfrom .limits import check\nimport core.types",
            "core/image/limits.py": "",
            "core/model.py": "from core.image.decode import read",
            "core/tensorflow.py": "import tensorflow",
            "core/types.py": "class Size:\n    def size(self):\n        return self._size",
            "segmenter.py": "import config, core.model",
            "server/run.py": "import granian.http",
        },
    )
    assert [violation for check in CHECKS for violation in check(fake)] == []


WEB_SERVER = {"flask", "flask_restx", "granian", "werkzeug"}
BATCH = {"fsspec", "pyarrow", "ray"}


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("config", WEB_SERVER | BATCH | {"tensorflow", "click"}),
        ("segmenter", WEB_SERVER | BATCH | {"tensorflow", "click"}),
        ("cli", WEB_SERVER | BATCH | {"tensorflow", "watchfiles"}),
        ("commands.predict", WEB_SERVER | BATCH | {"tensorflow"}),
        ("commands.batch.cli", WEB_SERVER | BATCH | {"tensorflow"}),
        ("commands.batch.run", WEB_SERVER | {"tensorflow", "ray"}),
        ("commands.batch.worker", WEB_SERVER | {"tensorflow", "ray"}),
        ("commands.watch.cli", WEB_SERVER | BATCH | {"tensorflow", "watchfiles"}),
        ("app", BATCH | {"tensorflow"}),
    ],
)
def test_import_in_fresh_interpreter_loads_no_unneeded_package(module: str, unneeded: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    assert module in run.stdout.split()
    assert unneeded.intersection(run.stdout.split()) == set()
