"""The service while images crash, hang or exhaust its decoder processes: they cost their own requests alone."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.support.blockable_service import BlockableService
from tests.support.bombs import log_bomb, memory_bomb, scan_bomb
from tests.support.images import encode
from tests.support.paths import CHELSEA
from tests.support.processes import command_line, descendants
from tests.support.service import TIMEOUT, ServiceProcess, running_service, wait_for

CAT = CHELSEA.read_bytes()
LOSSES = "segmenter_decoder_losses_total"


def large_image() -> bytes:
    """Return a WebP of more pixels than the service allows."""
    return encode(Image.new("RGB", (1000, 1001)), "WEBP")


def decoders(service: ServiceProcess) -> list[int]:
    """Return the processes that decode."""
    return [pid for pid in descendants(service.process.pid) if "core.decoders.decoder_program" in command_line(pid)]


@contextmanager
def neighbour(service: ServiceProcess) -> Iterator[list[int]]:
    """Post photos during the block, one after the other; yield the list of their statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def post() -> None:
        while not over.wait(0.05):
            statuses.append(service.predict(CAT).status_code)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def test_decoder_for_each_worker_runs_without_privileges(small_service: BlockableService) -> None:
    assert len(decoders(small_service)) == 2
    for pid in decoders(small_service):
        status = Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1\n" in status
        assert "Seccomp:\t2\n" in status
        assert sorted(os.readlink(f"/proc/{pid}/fd/{n}").split(":")[0] for n in range(3)) == [
            "/dev/null",
            "pipe",
            "pipe",
        ]


@pytest.mark.parametrize(
    ("bomb", "status", "part", "cause"),
    [
        (scan_bomb, 400, "more than 3 seconds of CPU time", "cpu"),
        (memory_bomb, 413, "more memory than is allowed for its pixels", None),
        (large_image, 413, "MAX_IMAGE_MEGAPIXELS", None),
    ],
)
def test_bomb_costs_its_own_request_alone(
    small_service: BlockableService, bomb: Callable[[], bytes], status: int, part: str, cause: str | None
) -> None:
    before = small_service.metric(LOSSES)
    with neighbour(small_service) as statuses:
        response = small_service.predict(bomb())
    assert (response.status_code, part in response.json()["message"]) == (status, True)
    assert set(statuses) <= {200}
    assert small_service.metric(LOSSES) == before + bool(cause)
    if cause:
        assert small_service.metric(f'{LOSSES}{{cause="{cause}"}}') > 0
    assert small_service.predict(CAT).status_code == 200


def test_log_bomb_writes_a_few_lines(small_service: BlockableService) -> None:
    log = small_service.log
    before = log.stat().st_size
    assert small_service.predict(log_bomb(60_000)).status_code in (200, 400, 413)
    written = log.read_text()[before:]
    assert len(written) < 3000
    assert [json.loads(line)["level"] for line in written.splitlines()].count("warning") <= 3


def test_killed_decoders_are_replaced(small_service: BlockableService) -> None:
    with neighbour(small_service) as statuses:
        for _ in range(5):
            for pid in decoders(small_service):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
    # 400 would say that the photo is at fault.
    assert set(statuses) <= {200, 503}
    for _ in range(2):
        assert small_service.predict(CAT).status_code == 200
    assert len(decoders(small_service)) == 2


def test_stopped_decoder_ends_its_request_at_the_timeout_and_decoders_end_with_the_service(tmp_path: Path) -> None:
    with running_service(log=tmp_path / "log", IMAGE_SIZE="65", REQUEST_TIMEOUT="10") as service:
        for pid in decoders(service):
            os.kill(pid, signal.SIGSTOP)
        response = service.predict(CAT)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert "not decoded within 5 seconds; try again later" in response.json()["message"]
        for pid in decoders(service):
            os.kill(pid, signal.SIGCONT)
        assert service.predict(CAT).status_code == 200
        logged = (tmp_path / "log").read_text()
        pids = decoders(service)
        assert pids
        # As a terminal does: the decoders leave the signal to the service.
        os.killpg(service.process.pid, signal.SIGTERM)
        assert service.process.wait(TIMEOUT) == 0
        wait_for(lambda: not any("core.decoders.decoder_program" in command_line(pid) for pid in pids))
    assert "decoder" not in (tmp_path / "log").read_text()[len(logged) :]
