"""Fixtures that several test modules use, options, and a check that the session leaves no process behind."""

import gc
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from app import create_app
from config import Settings
from core.runtime.cpu import usable_cores
from core.weights.registry import MODELS
from tests.support.application import gated
from tests.support.blockable_service import BlockableService, blockable_service
from tests.support.model_zoo import Zoo, archive_of, zoo
from tests.support.processes import command_line, with_variable
from tests.support.quick import skip_slow_starts
from tests.support.service import TIMEOUT, ServiceProcess, running_service

# All processes that the tests start inherit this variable, through whatever parents.
MARKER, SESSION = "SEGMENTER_TEST_RUN", uuid.uuid4().hex
# Processes that are about to end may take this long on a busy machine.
SECONDS_TO_END = 60


# Memory of a worker process of pytest-xdist and of the services that its tests start, in GB, see CONTRIBUTING.md.
GIGABYTES_PER_WORKER = 4


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --quick."""
    parser.addoption("--quick", action="store_true", help="skip tests that start a process or import TensorFlow")


def pytest_configure() -> None:
    """Mark the processes that this session starts, and end them if SIGTERM ends the session, as Ctrl-C does."""
    os.environ[MARKER] = SESSION
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let --quick begin, before test modules are imported."""
    # The controller of pytest-xdist runs no test, and starts the workers. It alone has the option numprocesses.
    if session.config.getoption("quick") and not session.config.getoption("numprocesses", None):
        skip_slow_starts()


def pytest_collection_finish() -> None:
    """Leave what the imports made, most of it TensorFlow's, out of garbage collections: each model load does one."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers of `--numprocesses=auto`: one per usable core, as far as the memory allows."""
    # Not the free memory: after an installation, most of it holds files that can go.
    [available] = re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    return max(1, min(usable_cores(), int(available) // 1_000_000 // GIGABYTES_PER_WORKER))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Fail the session if a process that it started still runs, and kill that process."""
    yield
    deadline = time.monotonic() + SECONDS_TO_END
    while (left := with_variable(MARKER, SESSION)) and time.monotonic() < deadline:
        time.sleep(0.5)
    if left:
        names = [f"{pid} {command_line(pid)}" for pid in sorted(left)]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        pytest.exit(f"the tests left processes running: {'; '.join(names)}", pytest.ExitCode.TESTS_FAILED)


@pytest.fixture(scope="session")
def app() -> Flask:
    """The application with its real model, loaded."""
    app = create_app(Settings())
    app.extensions["model"].loading.result(TIMEOUT)
    return app


@pytest.fixture(scope="session")
def client(app: Flask) -> Client:
    """A client of the application and the gate in front of it, without a server."""
    return gated(app)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The real service, shared by all tests that do not stop it."""
    with running_service(log=tmp_path_factory.mktemp("service") / "log") as service:
        yield service
        assert service.stop() == 0


@pytest.fixture(scope="session")
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockableService]:
    """A service with small images and uploads, a small queue and a long deadline, for all tests that do not stop it.

    A test can block its workers. The variables of other servers must change nothing.
    """
    limits = {"IMAGE_SIZE": "65", "MAX_UPLOAD_MB": "2", "MAX_IMAGE_MEGAPIXELS": "1", "QUEUE_SIZE": "8"}
    other = {
        "WEB_CONCURRENCY": "3",
        "GRANIAN_WORKERS": "3",
        "GRANIAN_PORT": "1",
        "GRANIAN_INTERFACE": "rsgi",
        "UVICORN_WORKERS": "3",
        "GUNICORN_CMD_ARGS": "--workers 3",
        "FORWARDED_ALLOW_IPS": "*",
    }
    folder = tmp_path_factory.mktemp("small_service")
    with blockable_service(folder, REQUEST_TIMEOUT=str(TIMEOUT), LOG_FORMAT="json", **limits, **other) as service:
        yield service
        assert service.stop() == 0


@pytest.fixture(scope="session")
def voc() -> Path:
    """The folder VOC_VAL: photos and masks in the layout of PASCAL VOC."""
    folder = os.environ.get("VOC_VAL")
    if not folder:
        pytest.skip("VOC_VAL does not name a PASCAL VOC folder (JPEGImages, SegmentationClass, val.txt)")
    return Path(folder)


@pytest.fixture(scope="session")
def full_zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Zoo, Path]]:
    """A server that has the archive of the full model, and the path of the graph in it, FULL_GRAPH."""
    graph = os.environ.get("FULL_GRAPH")
    if not graph:
        pytest.skip("FULL_GRAPH does not name a frozen graph of DeepLabV3 with an Xception-65")
    content = archive_of(Path(graph), tmp_path_factory.mktemp("zoo")).read_bytes()
    with zoo(**{MODELS["full"].archive: content}) as running:
        yield running, Path(graph)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for pictures that a person may look at: PICTURES, or a temporary one."""
    folder = Path(os.environ.get("PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
