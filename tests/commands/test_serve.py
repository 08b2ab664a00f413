"""`cli.py serve` is `python app.py`."""

import sys

from tests.support.paths import ROOT
from tests.support.processes import command_line
from tests.support.service import running_service


def test_serve_becomes_the_service() -> None:
    with running_service([sys.executable, str(ROOT / "cli.py"), "serve"], IMAGE_SIZE="65") as service:
        assert command_line(service.process.pid).endswith(f" {ROOT}/app.py")
        assert service.stop() == 0
