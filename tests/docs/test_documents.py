"""The documents match the code: their commands run, and the links, files, targets and tests that they name exist."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from flask import Flask
from PIL import Image

from cli import cli
from commands.batch.parts import SCHEMA
from core.decoders.decoder_process import MAX_LINE, MAX_LINES, MAX_THREADS
from core.decoders.decoder_program import BYTES_PER_PIXEL, MEMORY
from core.decoders.exchange import CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL
from core.image.formats import FORMATS
from core.outputs import OUTPUTS
from docs.generate import DOCUMENTS as GENERATED
from docs.generate import TABLE, generated, outputs_table, parameters_table, settings_table
from segmenter import __version__
from tests.support.paths import ROOT
from tests.support.service import ServiceProcess

MAX_README_LINES = 135  # beside the generated tables, which grow with the code
URL = "http://localhost:5000"
README, API = ROOT / "README.md", ROOT / "docs" / "api.md"
FOLDERS = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(file for folder in FOLDERS for file in folder.rglob("*.md"))])
TESTS = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))


def title(path: Path) -> str:
    """Return the name by which pytest shows a document."""
    return str(path.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    """Return the code blocks of `document` in `language`."""
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)


def prose(document: Path) -> str:
    """Return `document` without its code blocks."""
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of `document`, as GitHub builds them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(document: Path, column: str) -> list[list[str]]:
    """Return the cells of the table in `document` whose first header cell is `column`, without its two header rows."""
    [rows] = re.findall(rf"^\| {re.escape(column)} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", document.read_text(), re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.splitlines()]


# ---- README and settings


def test_readme_is_short_beside_its_generated_tables() -> None:
    assert len(TABLE.sub("", README.read_text()).splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("document", GENERATED, ids=title)
def test_generated_tables_match_the_code(document: Path) -> None:
    text = document.read_text()
    assert TABLE.search(text)
    assert generated(text) == text, "run: make docs"


def test_settings_page_lists_every_setting() -> None:
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text()


def test_generated_with_unknown_variable_raises_key_error() -> None:
    with pytest.raises(KeyError, match="NO_SUCH_SETTING"):
        generated("<!-- settings: PORT, NO_SUCH_SETTING; -->\n<!-- /settings -->")


# ---- Commands and examples

CURLS = [
    pytest.param(command, id=f"{title(document)}: {command}")
    for document in DOCUMENTS
    for block in blocks(document, "sh")
    for command in block.replace("\\\n", " ").splitlines()
    if command.startswith("curl ")
]


# Parts of the responses to commands that save none, by a part of the command.
RESPONSES = {"/model/predict": '"status":"ok"', "/model/labels": '"person"', "/hf/": '"mask"', "/v2/": '"seg_map"'}


@pytest.mark.parametrize("command", CURLS)
def test_curl_command_gets_the_documented_response(command: str, service: ServiceProcess, tmp_path: Path) -> None:
    for name in ("assets", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = command.replace(URL, service.url)
    run = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    if saved := re.search(r"-o (\S+)", command):
        file = tmp_path / saved[1]
        if file.suffix == ".json":
            assert json.loads(file.read_text())["annotations"]
        else:
            with Image.open(file) as picture:
                assert picture.format == {".png": "PNG", ".jpg": "JPEG"}[file.suffix]
    elif "README.md" in command:
        assert run.stdout.startswith('{"message"')
    else:
        [expected] = [text for part, text in RESPONSES.items() if part in command]
        assert expected in run.stdout


ARCHITECTURE, CLIENTS = ROOT / "docs" / "architecture.md", ROOT / "docs" / "clients.md"
# What the examples of each document print.
PRINTED = {
    README: [r"7\d% of the picture is cat\n"],
    ARCHITECTURE: [r"image/png \(300, 451\)\n"],
    CLIENTS: [
        r"True \['cat'\]\n",
        r"background L \(451, 300\)\ncat L \(451, 300\)\n",
        r"\(300, 451\) uint8 7\d% is cat\n",
    ],
}
PYTHON = [
    # The example of the architecture loads a model of its own.
    pytest.param(document, number, id=title(document), marks=[pytest.mark.slow] if document == ARCHITECTURE else [])
    for document in DOCUMENTS
    for number, _ in enumerate(blocks(document, "python"))
]


@pytest.mark.parametrize(("document", "number"), PYTHON)
def test_python_example_runs(document: Path, number: int, service: ServiceProcess) -> None:
    code = blocks(document, "python")[number].replace(URL, service.url)
    code = code.replace('"localhost:5000"', repr(service.url.removeprefix("http://")))
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(PRINTED[document][number], run.stdout)


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_commands_named_in_document_exist(document: Path) -> None:
    text = document.read_text()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][\w-]*)(?=[` ]*$|`| ARGS| VOC_VAL| SECONDS)", text, re.MULTILINE)) <= targets
    modules = {name for name in re.findall(r"python -m ([\w.]*\w)", text) if not name.endswith(".NAME")}
    assert [name for name in modules if name != "pytest" and not is_runnable(name)] == []
    assert set(re.findall(r"\bcli\.py ([a-z]+)", text)) <= set(cli.commands)


def is_runnable(module: str) -> bool:
    """Return whether `python -m MODULE` finds a module, or a package that can be run."""
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_image_tags_in_document_have_the_current_version(document: Path) -> None:
    assert set(re.findall(r"max-image-segmenter:(\d+\.\d+\.\d+)", document.read_text())) <= {__version__}


# ---- Names, links and tables


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_links_in_document_resolve(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(document)):
        path, _, anchor = unquote(link).partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_files_and_tests_named_in_document_exist(document: Path) -> None:
    text = document.read_text()
    top = "|".join(sorted(folder.name for folder in FOLDERS))
    paths = re.findall(rf"`((?:{top})/[\w./-]*)`", text)
    assert [path for path in paths if not any((base / path).exists() for base in (ROOT, document.parent))] == []
    assert [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in TESTS] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_table_rows_in_document_have_the_cells_of_their_header(document: Path) -> None:
    for rows in re.findall(r"(?:^\|.*\n)+", prose(document), re.MULTILINE):
        cells = {len(re.sub(r"`[^`]*`", "", row).split("|")) for row in rows.splitlines()}
        assert len(cells) == 1, rows


# ---- Lists that repeat the code


def test_generators_of_clients_in_table_have_the_versions_that_are_tested() -> None:
    folder = ROOT / "tests" / "integrations" / "clients"
    packages = json.loads((folder / "package.json").read_text())
    pins = packages["dependencies"] | packages["devDependencies"]
    pins |= dict(re.findall(r"^([\w.-]+)==(\S+)$", (folder / "requirements.txt").read_text(), re.MULTILINE))
    named = [re.findall(r"(\S+) (\d+\.\d+\.\d+)", row[0]) for row in table(CLIENTS, "generator")]
    assert len(named) == 4
    assert all(pins[name] == version for pairs in named for name, version in pairs)


def test_command_table_lists_every_command() -> None:
    listed = [row[0] for row in table(ROOT / "docs" / "batch.md", "command")]
    assert sorted(listed) == [f"`python cli.py {name}`" for name in sorted(cli.commands)]


def test_column_table_of_manifest_lists_every_column() -> None:
    assert [row[0] for row in table(ROOT / "docs" / "batch.md", "column")] == [f"`{name}`" for name in SCHEMA.names]


def test_tables_of_outputs_and_parameters_are_in_the_documents() -> None:
    assert outputs_table() in README.read_text()
    assert parameters_table() in API.read_text()


@pytest.mark.parametrize("output", OUTPUTS)
def test_api_page_describes_the_response_of_each_output(output: str) -> None:
    pattern = rf"^#+ output=(\w+, )*{output}\b|^`output={output}` "
    assert re.search(pattern, API.read_text(), re.MULTILINE), "describe the response in docs/api.md"


def test_error_table_lists_every_status_of_swagger(app: Flask) -> None:
    statuses = app.test_client().get("/swagger.json").get_json()["paths"]["/model/predict"]["post"]["responses"]
    listed = {status for row in table(API, "status") for status in row[0].split(", ")}
    assert set(statuses) - {"200"} <= listed


def test_format_list_has_every_decoder() -> None:
    [section] = re.findall(r"## Supported image formats\n\n(.*?)\.", API.read_text(), re.DOTALL)
    assert re.findall(r"[A-Z]{3,}", section) == FORMATS


def test_decoding_times_have_every_format() -> None:
    kinds = [row[0] for row in table(ROOT / "docs" / "benchmarks.md", "kind")]
    assert {kind.split()[0].rstrip(",") for kind in kinds} == {*FORMATS}, "see benchmarks/decoding.py"


def test_sample_photos_have_a_credit_and_the_checksum_in_the_table() -> None:
    folder = ROOT / "assets"
    rows = table(folder / "README.md", "file")
    assert all(row[2] for row in rows)
    photos = {f"`{photo.name}`": f"`{sha256(photo.read_bytes()).hexdigest()}`" for photo in folder.glob("*.jpg")}
    assert {row[0]: row[3] for row in rows} == photos


def test_limits_table_matches_the_code() -> None:
    values = [row[1] for row in table(ROOT / "docs" / "limits.md", "limit")]
    assert values == [
        f"{CPU_SECONDS} s, and {CPU_SECONDS_PER_MEGAPIXEL} s per megapixel in the header",
        "half of `REQUEST_TIMEOUT`",
        f"{MEMORY / 1e6:.0f} MB, and {BYTES_PER_PIXEL} bytes per pixel of `MAX_IMAGE_MEGAPIXELS`",
        str(MAX_THREADS),
        f"{MAX_LINES} of {MAX_LINE} characters",
    ]


def test_metrics_table_lists_every_metric_of_the_service(service: ServiceProcess) -> None:
    page = requests.get(f"{service.url}/metrics", timeout=10).text
    exported = set(re.findall(r"^# TYPE (segmenter_\w+)", page, re.MULTILINE))
    rows = table(ROOT / "docs" / "operating.md", "metric")
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == exported
