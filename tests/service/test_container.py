"""The Docker image: built from the Dockerfile, run, and tested over HTTP.

IMAGE_TOOL names a program with the verbs `build TAG`, `run TAG -e NAME=VALUE`, `inspect TAG` and `size TAG`; the
container shares the host's network.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import Image

from segmenter import __version__
from tests.deploy.test_image import ENTRYPOINT
from tests.deploy.test_licenses import NOTICE, parts
from tests.support.model_zoo import Zoo, sha512_of
from tests.support.paths import CHELSEA, ROOT
from tests.support.processes import children, command_line, descendants, parent, process_group
from tests.support.service import TIMEOUT, ServiceProcess, free_port, running_service, wait_for

# Building the image takes minutes.
pytestmark = pytest.mark.slow

USER = "54321"
TAG, FULL_TAG = "segmenter-test:mobile", "segmenter-test:full"


@pytest.fixture(scope="module")
def image() -> str:
    """The program IMAGE_TOOL, after it has built the image, unless IMAGE_BUILT says that this has been done."""
    tool = os.environ.get("IMAGE_TOOL")
    if not tool:
        pytest.skip("IMAGE_TOOL does not name a program that builds and runs images")
    if os.environ.get("IMAGE_BUILT") != TAG:
        build = subprocess.run([tool, "build", TAG], cwd=ROOT, capture_output=True, text=True, check=False)
        assert build.returncode == 0, build.stderr[-3000:]
    return tool


@pytest.fixture(scope="module")
def container(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A container of the image, with IMAGE_SIZE=333 and MAX_UPLOAD_MB=1."""
    with running(image, TAG, tmp_path_factory.mktemp("container") / "log", IMAGE_SIZE=333, MAX_UPLOAD_MB=1) as service:
        yield service


@contextmanager
def running(image: str, tag: str, log: Path, **settings: object) -> Iterator[ServiceProcess]:
    """Run a container of the image `tag` until the end of the block."""
    port = free_port()
    options = [option for name, value in ({"PORT": port} | settings).items() for option in ("-e", f"{name}={value}")]
    with running_service([image, "run", tag, *options], log=log, PORT=str(port)) as service:
        yield service
    assert not service.ready()


def inspected(image: str) -> str:
    """Return the image's configuration, as JSON."""
    return subprocess.run([image, "inspect", TAG], capture_output=True, text=True, check=True).stdout


def test_image_has_user_port_entrypoint_labels_and_health_check(image: str) -> None:
    config = json.loads(inspected(image))
    assert config["User"] == "10001:0"
    assert list(config["ExposedPorts"]) == ["5000/tcp"]
    assert config["Entrypoint"] == ENTRYPOINT
    assert not config["Cmd"]
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert "/health/ready" in str(config["Healthcheck"]["Test"])
    size = subprocess.run([image, "size", TAG], capture_output=True, text=True, check=True).stdout
    [gigabytes] = re.findall(r"([\d.]+) GB", size)
    assert float(gigabytes) < 1.3


def test_container_answers_good_and_bad_requests(container: ServiceProcess) -> None:
    body = container.predict(CHELSEA.read_bytes()).json()
    assert body["image_size"] == [333, 221]
    assert sum(row.count(8) for row in body["seg_map"]) > 0.7 * 333 * 221
    assert requests.get(f"{container.url}/model/metadata", timeout=TIMEOUT).json()["serving"]["image_size"] == 333
    assert requests.get(f"{container.url}/", timeout=TIMEOUT).status_code == 200
    assert container.predict(b"text").status_code == 400
    assert container.predict(b"").status_code == 400
    assert container.predict(b"\0\0\0\x18ftypheic").status_code == 415
    assert container.predict(bytes(1_100_000)).status_code == 413
    assert requests.get(f"{container.url}/nope", timeout=TIMEOUT).status_code == 404
    assert requests.get(f"{container.url}/model/predict", timeout=TIMEOUT).status_code == 405


def test_container_does_not_run_as_root(container: ServiceProcess) -> None:
    users = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                ours = f"\0PORT={container.port}\0".encode() in b"\0" + file.read() + b"\0"
            with open(f"/proc/{process}/cmdline", "rb") as file:
                ours = ours and file.read() == b"python\0app.py\0"
        except OSError:
            continue
        if ours:
            users.add(os.stat(f"/proc/{process}").st_uid)
    assert users == {10001}


def test_health_check_succeeds_only_if_the_service_answers(container: ServiceProcess, image: str) -> None:
    output = subprocess.run([image, "inspect", TAG], capture_output=True, text=True, check=True).stdout
    [_, *command] = json.loads(output)["Healthcheck"]["Test"]
    for port, status in ((container.port, 0), (free_port(), 1)):
        run = subprocess.run(
            [image, "run", TAG, "-e", f"PORT={port}", "--", *command], capture_output=True, check=False
        )
        assert (run.returncode == 0) == (status == 0)


def test_container_with_bad_setting_ends_with_error(image: str) -> None:
    run = subprocess.run(
        [image, "run", TAG, "-e", "MODEL_TYPE=huge"], capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert run.returncode != 0
    assert "error: MODEL_TYPE='huge' can't be used; allowed: mobile" in run.stderr


def test_container_of_full_model_without_its_graph_ends_with_the_command_to_fetch_it(image: str) -> None:
    run = subprocess.run(
        [image, "run", TAG, "-e", "MODEL_TYPE=full"], capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert run.returncode != 0
    assert "error: the graph of MODEL_TYPE=full is missing: /models/" in run.stderr
    assert "python cli.py fetch full" in run.stderr


def test_image_built_with_full_model_serves_it(image: str, full_zoo: tuple[Zoo, Path], tmp_path: Path) -> None:
    server, graph = full_zoo
    arguments = {"MODEL_TYPE": "full", "MODEL_MIRROR": server.url, "MODEL_SHA512": f"full={sha512_of(graph)}"}
    options = [option for name, value in arguments.items() for option in ("--build-arg", f"{name}={value}")]
    build = subprocess.run([image, "build", FULL_TAG, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr[-3000:]
    with running(image, FULL_TAG, tmp_path / "log") as service:
        serving = requests.get(f"{service.url}/model/metadata", timeout=TIMEOUT).json()["serving"]
        assert (serving["model_type"], serving["backbone"]) == ("full", "Xception-65")
        seg_map = service.predict(CHELSEA.read_bytes()).json()["seg_map"]
        assert sum(row.count(8) for row in seg_map) > 0.7 * 513 * 341


@contextmanager
def file_system(tag: str) -> Iterator[str]:
    """Yield a folder with the files of the image `tag`."""
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.skip("only root can mount an image, with buildah")

    def output(*arguments: str) -> str:
        return subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=True).stdout.strip()

    name = output("from", "--pull-never", f"localhost/{tag}")
    try:
        yield output("mount", name)
    finally:
        output("rm", name)


def hardened(image: str, root: str, script: str, *command: str, **settings: object) -> list[str]:
    """Return the command that runs `script` with `command`, as process 1, in the image's files at `root`: see the file.

    It has the variables of the image, and those of `settings`.
    """
    environment = [*json.loads(inspected(image))["Env"], *(f"{name}={value}" for name, value in settings.items())]
    program = str(ROOT / "tests" / "support" / "hardened.sh")
    started = ["unshare", "--mount", "--pid", "--fork", program, root, USER, "env", "-i", *environment]
    return [*started, "sh", "-c", f'cd /service; {script} exec "$@"', "sh", *ENTRYPOINT, *command]


def test_container_with_any_user_read_only_files_and_no_capabilities_answers(image: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with file_system(TAG) as root:
        script = "id -u; grep CapBnd /proc/self/status; ! touch /tmp/a || exit 1;"
        with running_service(hardened(image, root, script, PORT=port), log=log, PORT=str(port)) as service:
            assert (
                sum(row.count(8) for row in service.predict(CHELSEA.read_bytes()).json()["seg_map"]) > 0.7 * 513 * 341
            )
            noisy = service.predict(CHELSEA.read_bytes(), params={"output": "cutout", "size": "original"})
            assert noisy.status_code == 200
    assert log.read_text().splitlines()[:2] == [USER, "CapBnd:\t0000000000000000"]


def test_container_with_command_reads_standard_input_and_writes_standard_output(image: str) -> None:
    with file_system(TAG) as root:
        command = hardened(image, root, "", "predict", "-", "-o", "-")
        run = subprocess.run(command, input=CHELSEA.read_bytes(), capture_output=True, check=False, timeout=TIMEOUT)
    assert run.returncode == 0, run.stderr
    assert Image.open(BytesIO(run.stdout)).format == "PNG"


def test_image_has_the_licences_that_notice_names(image: str) -> None:
    with file_system(TAG) as root:
        packages = Path(root, "venv/lib/python3.11/site-packages")
        for text in {text for part in parts() for text in part.texts}:
            assert (Path(f"{root}{text}") if text.startswith("/") else packages / text).is_file(), text
        assert Path(root, "service/NOTICE").read_text() == NOTICE
        listed = subprocess.run(
            ["chroot", root, "dpkg-query", "--show", "--showformat=${Package}\n"],
            capture_output=True,
            text=True,
            check=True,
        )
        for package in listed.stdout.split():
            assert Path(root, "usr/share/doc", package, "copyright").exists(), package


def test_container_whose_worker_is_killed_keeps_no_zombies(image: str, tmp_path: Path) -> None:
    port = free_port()

    def decoders() -> list[int]:
        return [pid for pid in descendants(service.process.pid) if "core.decoders.decoder_program" in command_line(pid)]

    with file_system(TAG) as root:
        command = hardened(image, root, "", PORT=port, IMAGE_SIZE=65)
        with running_service(command, log=tmp_path / "log", PORT=str(port)) as service:
            orphans = decoders()
            [worker] = {parent(pid) for pid in orphans}
            os.kill(worker, signal.SIGKILL)
            service.wait_until(ready=False)
            service.wait_until(ready=True)
            # Their parent was the killed worker. A zombie would stay in /proc for as long as process 1 lives.
            wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in [worker, *orphans]))
            assert decoders()


def test_sigterm_ends_a_command_of_the_container(image: str) -> None:
    with file_system(TAG) as root:
        command = hardened(image, root, "", "predict", "-", "-o", "-")
        with process_group(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            # It waits for its standard input.
            wait_for(lambda: any("cli.py predict" in command_line(pid) for pid in descendants(process.pid)))
            [init] = children(process.pid)
            os.kill(init, signal.SIGTERM)
            assert process.wait(TIMEOUT) != 0
