"""Clients that real generators make from the service's descriptions send photos in each form, and get the same bytes.

The clients are used in `clients/`. docs/clients.md names the generators, and the test of the documents compares it.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.integrations.masks import API_KEY
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import TIMEOUT, ServiceProcess, wait_for

CLIENTS = Path(__file__).with_name("clients")
INSTALLED = ROOT / ".venv-clients"
BODIES = ("form", "json", "bytes")
# What each client asks for, by output: the parameters, the header Accept, and the ending of its file.
CASES = {
    "objects": (
        {
            "classes": "cat,dog",
            "min_score": "0.25",
            "min_area": "0.001",
            "pieces": "true",
            "shapes": "polygons",
            "tolerance": "2.5",
        },
        "application/json",
        "json",
    ),
    "mask": ({}, "image/png", "png"),
    "cutout": (
        {
            "size": "original",
            "edges": "model",
            "look": "twice",
            "alpha": "hard",
            "background": "blur",
            "blur": "0.0125",
            "crop": "true",
        },
        "image/webp",
        "webp",
    ),
}
ACCESS = re.compile(r" POST (/model/predict/\S+) 200 ")


def run(*command: str | Path, folder: Path) -> None:
    """Run a command of the installed generators in `folder`. Raises AssertionError with its output if it fails."""
    path = os.pathsep.join([f"{INSTALLED}/bin", f"{INSTALLED}/node_modules/.bin", os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout[-5000:]}{ended.stderr[-5000:]}"


@pytest.fixture(scope="module")
def expected(keyed_service: ServiceProcess) -> dict[str, bytes]:
    """The responses of /model/predict to the same photo, by ending, without any generated code."""
    found = {}
    for output, (parameters, accept, ending) in CASES.items():
        headers = {"X-API-Key": API_KEY, "Accept": accept}
        response = keyed_service.predict(CHELSEA.read_bytes(), params=parameters | {"output": output}, headers=headers)
        assert (response.status_code, response.headers["Content-Type"]) == (200, accept)
        found[ending] = response.content
    return found


@pytest.fixture
def folder(tmp_path: Path, service_log: Path, expected: dict[str, bytes]) -> Iterator[Path]:
    """A folder for a client; its files in out/, and the requests that the service got, are checked after the test."""
    if not (INSTALLED / "installed").exists():
        pytest.skip("the generators are not installed; `make integrations` does")
    (tmp_path / "out").mkdir()
    seen = service_log.stat().st_size
    yield tmp_path
    for body in BODIES:
        for ending, content in expected.items():
            got = (tmp_path / "out" / f"{body}.{ending}").read_bytes()
            assert json.loads(got) == json.loads(content) if ending == "json" else got == content, (body, ending)
    wanted = Counter({(output, frozenset(case[0].items())): len(BODIES) for output, case in CASES.items()})
    wait_for(lambda: requests_in(service_log, seen) == wanted, seconds=TIMEOUT)


def requests_in(log: Path, start: int) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
    """Return the output and the parameters in the URL of each request in the access log, from the byte `start` on."""
    targets = map(urlsplit, ACCESS.findall(log.read_bytes()[start:].decode()))
    return Counter((target.path.rsplit("/", 1)[-1], frozenset(parse_qsl(target.query))) for target in targets)


@pytest.fixture
def node_folder(folder: Path) -> Path:
    """A folder in which node finds the installed packages, with the programs that use the clients."""
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout if node else "v0"
    if int(version[1:].split(".")[0]) < 20 or not (INSTALLED / "node_modules").exists():
        pytest.skip("there is no node 20 or later with npm on this machine")
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules")
    shutil.copy(CLIENTS / "tsconfig.json", folder)
    return folder


def test_cases_have_every_parameter(keyed_service: ServiceProcess) -> None:
    document = requests.get(f"{keyed_service.url}/openapi.json", timeout=TIMEOUT).json()
    names = {parameter["name"] for parameter in document["paths"]["/model/predict"]["post"]["parameters"]}
    assert {name for parameters, _, _ in CASES.values() for name in parameters} == names - {"output"}


def test_openapi_python_client_gets_json_png_and_webp(keyed_service: ServiceProcess, folder: Path) -> None:
    url, config = f"{keyed_service.url}/openapi.json", CLIENTS / "openapi_python_client.yml"
    generate = ("openapi-python-client", "generate", "--url", url, "--config", config)
    run(*generate, "--meta", "none", "--output-path", "openapi_python", folder=folder)
    run("python", CLIENTS / "use_openapi_python_client.py", keyed_service.url, API_KEY, CHELSEA, "out", folder=folder)


def test_openapi_generator_gets_json_png_and_webp(keyed_service: ServiceProcess, folder: Path) -> None:
    urls = {"form": "swagger.json", "json": "openapi.json?body=json", "bytes": "openapi.json?body=bytes"}
    for body, url in urls.items():
        generate = ("openapi-generator-cli", "generate", "-g", "python", "-i", f"{keyed_service.url}/{url}", "-o", ".")
        run(*generate, "--package-name", f"generator_{body}", folder=folder)
    run("python", CLIENTS / "use_openapi_generator.py", API_KEY, CHELSEA, "out", folder=folder)


def test_openapi_fetch_gets_json_png_and_webp(keyed_service: ServiceProcess, node_folder: Path) -> None:
    run("openapi-typescript", f"{keyed_service.url}/openapi.json", "-o", "schema.ts", folder=node_folder)
    shutil.copy(CLIENTS / "use_openapi_fetch.ts", node_folder)
    run("tsc", folder=node_folder)
    use = "built/use_openapi_fetch.js"
    run("node", use, keyed_service.url, API_KEY, CHELSEA, "out", folder=node_folder)


def test_hey_api_gets_json_png_and_webp(keyed_service: ServiceProcess, node_folder: Path) -> None:
    urls = {"form": "swagger.json", "json": "openapi.json?body=json", "bytes": "openapi.json?body=bytes"}
    for body, url in urls.items():
        run("openapi-ts", "-i", f"{keyed_service.url}/{url}", "-o", body, folder=node_folder)
    shutil.copy(CLIENTS / "use_hey_api.ts", node_folder)
    run("tsc", folder=node_folder)
    run("node", "built/use_hey_api.js", API_KEY, CHELSEA, "out", folder=node_folder)
