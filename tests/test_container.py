"""The image: built from the Dockerfile, run as it will be, and asked over HTTP.

IMAGE_TOOL names a program with the verbs `build TAG`, `run TAG -e NAME=VALUE`, `inspect TAG` and `size TAG`; the
container shares the host's network.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import CHELSEA, ROOT, Service, free_port

TAG = "segmenter-test"


@pytest.fixture(scope="module")
def image() -> str:
    """The tool, with the image built."""
    tool = os.environ.get("IMAGE_TOOL")
    if not tool:
        pytest.skip("IMAGE_TOOL does not name a program that builds and runs images")
    build = subprocess.run([tool, "build", TAG], cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr[-3000:]
    return tool


@pytest.fixture(scope="module")
def container(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The image, running with IMAGE_SIZE=333."""
    port = free_port()
    log = tmp_path_factory.mktemp("container") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [image, "run", TAG, "-e", "IMAGE_SIZE=333", "-e", f"PORT={port}", "-e", "MAX_UPLOAD_MB=1"],
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
        )
    service = Service(process, port, 0)
    began = time.monotonic()
    while True:
        try:
            if requests.get(f"{service.url}/health/ready", timeout=5).ok:
                break
        except requests.ConnectionError:
            pass
        assert time.monotonic() < began + 120, log.read_text()
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    yield service
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=60)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{service.url}/health/live", timeout=5)


def test_the_images_configuration(image: str) -> None:
    output = subprocess.run([image, "inspect", TAG], capture_output=True, text=True, check=True).stdout
    config = json.loads(output)
    assert config["User"] == "10001:0"
    assert list(config["ExposedPorts"]) == ["5000/tcp"]
    assert config["Cmd"] == ["python", "app.py"]
    assert "/health/ready" in str(config["Healthcheck"]["Test"])
    size = subprocess.run([image, "size", TAG], capture_output=True, text=True, check=True).stdout
    [gigabytes] = re.findall(r"([\d.]+) GB", size)
    assert float(gigabytes) < 1.3


def test_the_container_answers_good_and_bad_requests(container: Service) -> None:
    body = container.predict(CHELSEA.read_bytes()).json()
    assert body["image_size"] == [333, 221]
    assert sum(row.count(8) for row in body["seg_map"]) > 0.7 * 333 * 221
    assert requests.get(f"{container.url}/model/metadata", timeout=10).json()["serving"]["image_size"] == 333
    assert requests.get(f"{container.url}/", timeout=10).status_code == 200
    assert container.predict(b"text").status_code == 400
    assert container.predict(b"").status_code == 400
    assert container.predict(b"\0\0\0\x18ftypheic").status_code == 415
    assert container.predict(bytes(1_100_000)).status_code == 413
    assert requests.get(f"{container.url}/nope", timeout=10).status_code == 404
    assert requests.get(f"{container.url}/model/predict", timeout=10).status_code == 405


def test_the_container_does_not_run_as_root(container: Service) -> None:
    users = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                ours = f"\0PORT={container.port}\0".encode() in b"\0" + file.read() + b"\0"
            with open(f"/proc/{process}/cmdline", "rb") as file:
                ours = ours and file.read() == b"/venv/bin/python\0app.py\0"
        except OSError:
            continue
        if ours:
            users.add(os.stat(f"/proc/{process}").st_uid)
    assert users == {10001}


def test_the_health_check_passes_in_the_container(container: Service, image: str) -> None:
    output = subprocess.run([image, "inspect", TAG], capture_output=True, text=True, check=True).stdout
    [_, *command] = json.loads(output)["Healthcheck"]["Test"]
    for port, status in ((container.port, 0), (free_port(), 1)):
        run = subprocess.run(
            [image, "run", TAG, "-e", f"PORT={port}", "--", *command], capture_output=True, check=False
        )
        assert (run.returncode == 0) == (status == 0)


def test_a_bad_setting_ends_the_container(image: str) -> None:
    run = subprocess.run(
        [image, "run", TAG, "-e", "MODEL_TYPE=huge"], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode != 0
    assert "error: MODEL_TYPE='huge' can't be used; allowed: mobile" in run.stderr
