"""A real Label Studio with SQLite, in an environment of its own, and the part of its API that the tests use."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.paths import ROOT
from tests.support.service import TIMEOUT, ServiceProcess, started_service

PROGRAM = ROOT / ".venv-label-studio" / "bin" / "label-studio"
USER, PASSWORD, TOKEN = "annotator@example.com", "password-of-the-annotator", "0123456789abcdef0123456789abcdef01234567"
ALL = {"selectedItems": {"all": True, "excluded": []}}
SETTINGS = {
    # As in deploy/compose.label-studio.yaml.
    "LABEL_STUDIO_USERNAME": USER,
    "LABEL_STUDIO_PASSWORD": PASSWORD,
    "LABEL_STUDIO_USER_TOKEN": TOKEN,
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    # The block of private addresses, and the setting that lifts it.
    "ML_BLOCK_LOCAL_IP": "true",
    "USE_DEFAULT_BANNED_SUBNETS": "false",
    # Label Studio takes HOST for its public address; without one it answers under each.
    "LABEL_STUDIO_HOST": "",
    # Nothing is asked or told outside this machine.
    "LATEST_VERSION_CHECK": "false",
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    # Seconds for the backend on a busy machine; the default values are 1 and 3.
    "ML_TIMEOUT_HEALTH": "60",
    "ML_TIMEOUT_SETUP": "60",
}


@dataclass
class LabelStudio:
    """A running Label Studio."""

    process: ServiceProcess

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self.process.url

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token; `options` are those of requests.request(). Raises requests.HTTPError."""
        headers = {"Authorization": f"Token {TOKEN}"}
        response = requests.request(method, f"{self.url}{path}", headers=headers, timeout=TIMEOUT, **options)
        if not response.ok:
            raise requests.HTTPError(f"{response.status_code}: {response.text}", response=response)
        return response

    def personal_token(self) -> str:
        """Create a personal access token, which a user can have once."""
        return str(self.request("POST", "/api/token/").json()["token"])

    def create_project(self, config: str) -> int:
        """Create a project with a labeling configuration, and return its id."""
        body = {"title": "Photos", "label_config": config}
        return int(self.request("POST", "/api/projects/", json=body).json()["id"])

    def connect(self, project: int, backend: str) -> dict[str, Any]:
        """Add the model at the address `backend` to a project, and return Label Studio's description of it."""
        body = {"project": project, "url": backend, "title": "segmenter"}
        found: dict[str, Any] = self.request("POST", "/api/ml", json=body).json()
        return found

    def upload(self, project: int, photos: dict[str, bytes]) -> None:
        """Import photos by their names: a task for each."""
        for name, content in photos.items():
            self.request("POST", f"/api/projects/{project}/import", files={"file": (name, content)})

    def act(self, project: int, action: str) -> str:
        """Run an action of the Data Manager's menu on all tasks, and return what the page shows."""
        path = f"/api/dm/actions?id={action}&project={project}"
        return str(self.request("POST", path, json=ALL).json()["detail"])

    def tasks(self, project: int) -> dict[str, dict[str, Any]]:
        """Return the tasks with their predictions, by the name of the photo, which has a prefix on the server."""
        found = self.request("GET", f"/api/tasks?project={project}&fields=all").json()["tasks"]
        return {task["data"]["image"].partition("-")[2]: task for task in found}

    def export(self, project: int, format_: str) -> dict[str, bytes]:
        """Return the files of an export, by their names."""
        path = f"/api/projects/{project}/export?exportType={format_}&download_resources=false"
        with zipfile.ZipFile(io.BytesIO(self.request("GET", path).content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@contextmanager
def running_label_studio(folder: Path) -> Iterator[LabelStudio]:
    """Start Label Studio with an empty database in `folder`; after the block, end it.

    The migrations of the database take about half a minute of CPU time. Raises RuntimeError, TimeoutError.
    """
    command = (PROGRAM, "start", "--no-browser", "--internal-host", "127.0.0.1", "--data-dir", folder)
    log = folder / "log"
    with started_service(command, log=log, ready_path="/health", **SETTINGS) as process:
        process.wait_until(ready=True, seconds=2 * TIMEOUT, interval=0.5)
        yield LabelStudio(process)
