"""What several tests need: the sample photos, one real application, and one real service over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from core.weights.registry import MODELS
from tests.support.model_zoo import Zoo, archive_of, zoo

ROOT = Path(__file__).parent.parent
ASTRONAUT = ROOT / "assets" / "astronaut.jpg"
CHELSEA = ROOT / "assets" / "chelsea.jpg"


@pytest.fixture(scope="session")
def app() -> Flask:
    """The application with its real model, loaded."""
    app = create_app(Settings())
    app.extensions["model"].loading.result(timeout=60)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application."""
    return app.test_client()


@pytest.fixture(scope="session")
def voc() -> Path:
    """A folder of PASCAL VOC photos and masks in VOC's own layout."""
    folder = os.environ.get("VOC_VAL")
    if not folder:
        pytest.skip("VOC_VAL does not name a PASCAL VOC folder (JPEGImages, SegmentationClass, val.txt)")
    return Path(folder)


@pytest.fixture(scope="session")
def full_zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Zoo, Path]]:
    """A server with the full model's archive, and the graph in it."""
    graph = os.environ.get("FULL_GRAPH")
    if not graph:
        pytest.skip("FULL_GRAPH does not name a frozen graph of DeepLabV3 with an Xception-65")
    content = archive_of(Path(graph), tmp_path_factory.mktemp("zoo")).read_bytes()
    with zoo(**{MODELS["full"].archive: content}) as running:
        yield running, Path(graph)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pictures that tests leave for a human to look at: PICTURES, or one of pytest's own."""
    folder = Path(os.environ.get("PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Service:
    """A running `python app.py`."""

    process: subprocess.Popen[str]
    port: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def predict(self, image: bytes, **options: object) -> requests.Response:
        return requests.post(f"{self.url}/model/predict", files={"image": image}, timeout=60, **options)  # type: ignore[arg-type]

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)


def start_service(log: Path, **environment: str) -> Service:
    """Start the real service on a free port and wait until it is ready."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | {"PORT": str(port), "HOST": "127.0.0.1"} | environment,
            stdout=output,
            stderr=output,
            text=True,
        )
    service = Service(process, port, 0)
    began = time.monotonic()
    while time.monotonic() < began + 120 and process.poll() is None:
        try:
            if requests.get(f"{service.url}/health/ready", timeout=5).ok:
                service.seconds_to_ready = time.monotonic() - began
                return service
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the service did not become ready:\n{log.read_text()}")


def refused(**environment: str) -> str:
    """Return the one line with which the service ends at its start."""
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"PORT": str(free_port())} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    [line] = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service, shared by all tests that do not stop it."""
    service = start_service(tmp_path_factory.mktemp("service") / "log")
    yield service
    assert service.stop() == 0
