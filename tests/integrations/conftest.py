"""One service for all tests of this folder, which run in an environment without TensorFlow."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integrations.masks import API_KEY
from tests.support.paths import ROOT
from tests.support.service import ServiceProcess, running_service

# Only `make integrations` installs the libraries of the tools.
collect_ignore_glob = [] if find_spec("cvat_sdk") and find_spec("label_studio_sdk") else ["test_*.py"]

# The service runs in the environment of `make run`.
COMMAND = (ROOT / ".venv" / "bin" / "python", "app.py")


@pytest.fixture(scope="session")
def service_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the log of the service."""
    return tmp_path_factory.mktemp("service") / "log"


@pytest.fixture(scope="session")
def keyed_service(service_log: Path) -> Iterator[ServiceProcess]:
    """The real service, with an API key."""
    with running_service(COMMAND, log=service_log, API_KEY=API_KEY) as service:
        yield service
        assert service.stop() == 0
