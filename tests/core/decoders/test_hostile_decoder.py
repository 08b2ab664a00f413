"""Decoder processes that a file has taken over: each costs its own request alone; the next photo is read rightly."""

import gc
import itertools
import os
import select
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.checkpoint import checked
from core.decoders import decoder_pool, decoder_process, exchange
from core.decoders.decoder_pool import DecoderPool
from core.decoders.decoder_process import MAX_LINE, MAX_LINES
from core.decoders.messages import MAX_TEXT
from core.errors import ClientGone, DecoderLost, InvalidImage, SegmenterError
from core.image.decode import read_image
from core.image.resize import resized
from core.types import DecoderLoss, UInt8Array
from tests.support.observer import Recorder
from tests.support.paths import CHELSEA
from tests.support.service import wait_for

CAT = CHELSEA.read_bytes()
NEVER = 600.0
SAVE = "; save the image again as a plain JPEG or PNG"
LATER = "try again later; if it happens again with the same image, save it again as a plain JPEG or PNG"

WRONG = "the decoder gave a wrong answer"
CPU = "takes more than 0.5 seconds of CPU time"

# By mode: what its request gets, a part of the message, and the cause in the metric.
LOST: dict[str, tuple[type[SegmenterError], str, str]] = {
    "closes its socket": (DecoderLost, "closed its socket at this image", "answer"),
    "sends empty messages": (DecoderLost, "closed its socket at this image", "answer"),
    "exits with 0": (DecoderLost, "ended with status 0 at this image", "crash"),
    "exits with 1": (DecoderLost, "ended with status 1 at this image", "crash"),
    "ends with SIGSEGV": (DecoderLost, "ended with SIGSEGV at this image", "crash"),
    "ends with SIGKILL": (DecoderLost, "ended with SIGKILL at this image", "crash"),
    "ends with SIGXCPU": (DecoderLost, "ended with SIGXCPU at this image", "crash"),
    "ends with signal 40": (DecoderLost, "ended with signal 40 at this image", "crash"),
    "floods": (DecoderLost, WRONG, "answer"),
    "starts threads": (DecoderLost, WRONG, "answer"),
    "sends files": (DecoderLost, WRONG, "answer"),
    "sends a longer message": (DecoderLost, WRONG, "answer"),
    "sends no JSON": (DecoderLost, WRONG, "answer"),
    "sends deep JSON": (DecoderLost, WRONG, "answer"),
    "sends no object": (DecoderLost, WRONG, "answer"),
    "sends nothing known": (DecoderLost, WRONG, "answer"),
    "sends an unknown error": (DecoderLost, WRONG, "answer"),
    "sends the error of a client": (DecoderLost, WRONG, "answer"),
    "sends a notice for another job": (DecoderLost, WRONG, "answer"),
    "sends a notice of too many pixels": (DecoderLost, WRONG, "answer"),
    "sends two notices": (DecoderLost, WRONG, "answer"),
    "sends no notice": (DecoderLost, WRONG, "answer"),
    "sends a larger photo": (DecoderLost, WRONG, "answer"),
    "sends a larger image": (DecoderLost, WRONG, "answer"),
    "sends an unturned image": (DecoderLost, WRONG, "answer"),
    "burns CPU": (InvalidImage, CPU, "cpu"),
    "burns CPU after a notice": (InvalidImage, CPU, "cpu"),
    "burns CPU in threads": (InvalidImage, CPU, "cpu"),
}
# By mode: the cause for which an idle decoder process is replaced. The first two break a rule before their first job.
LOST_BEFORE_JOB = {"answers before it is asked": "answer", "closes its socket at once": "answer"}
LOST_WHEN_IDLE = LOST_BEFORE_JOB | {
    "answers twice": "answer",
    "floods when idle": "answer",
    "closes its socket when idle": "answer",
    "dies when idle": "crash",
    "burns CPU when idle": "cpu",
    "starts threads when idle": "answer",
}


@pytest.fixture
def taken_over(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DecoderPool]:
    """A function that returns a pool whose decoder processes are in a mode; those that replace them are honest."""
    monkeypatch.setattr(exchange, "CPU_SECONDS", 0.5)
    monkeypatch.setattr(decoder_process, "CPU_SECONDS", 0.5)

    def start(mode: str, timeout: float = NEVER, processes: int = 1) -> DecoderPool:
        closes = mode.startswith("closes") or mode == "sends empty messages"
        monkeypatch.setattr(decoder_process, "MAX_CLOSE_SECONDS", 0.5 if closes else NEVER)
        with monkeypatch.context() as patched:
            patched.setattr(decoder_process, "PROGRAM", ("-m", "tests.support.hostile_decoder", mode))
            return DecoderPool(65, 10**6, timeout, processes, recorder)

    return start


def read(pool: DecoderPool) -> UInt8Array:
    """Return the image of the cat, read by `pool`."""
    with pool.read(CAT) as picture:
        assert picture.size == (451, 300)
        return picture.image.copy()


def assert_reads_rightly(pool: DecoderPool) -> None:
    assert np.array_equal(read(pool), np.asarray(resized(read_image(CAT, 10**6, 65), 65)))


def error_of(pool: DecoderPool) -> SegmenterError:
    """Return the error of a read of the cat, which must have one."""
    with pytest.raises(SegmenterError) as raised:
        read(pool)
    return raised.value


@pytest.mark.parametrize("mode", LOST)
def test_read_of_a_decoder_that_breaks_a_rule_raises_and_the_next_is_right(
    mode: str, taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    kind, part, cause = LOST[mode]
    pool = taken_over(mode)
    error = error_of(pool)
    assert (type(error), losses) == (kind, [cause])
    assert part in str(error)
    assert str(error).endswith(LATER if kind is DecoderLost else SAVE)
    assert_reads_rightly(pool)
    assert losses == [cause]


@pytest.mark.parametrize("mode", LOST_WHEN_IDLE)
def test_idle_decoder_that_breaks_a_rule_is_replaced_without_a_request(
    mode: str, taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over(mode)
    [process] = pool.processes
    pid = process.pid
    if mode not in LOST_BEFORE_JOB:
        assert_reads_rightly(pool)
    wait_for(lambda: process.pid != pid)
    assert_reads_rightly(pool)
    assert losses == [LOST_WHEN_IDLE[mode]]


@pytest.mark.parametrize("mode", ["answers twice", "floods when idle", "dies when idle"])
def test_read_of_an_idle_decoder_that_has_broken_a_rule_replaces_it_first(
    mode: str, taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "LOOK_SECONDS", NEVER)
    pool = taken_over(mode)
    assert_reads_rightly(pool)
    messages = select.poll()
    messages.register(pool.processes[0]._child._socket, select.POLLIN)  # no other sign tells when it has happened
    assert messages.poll(1000 * NEVER)
    assert_reads_rightly(pool)
    assert losses == [LOST_WHEN_IDLE[mode]]


@pytest.mark.parametrize("mode", ["is silent", "stops itself", "never receives again"])
def test_read_of_a_silent_decoder_ends_at_the_timeout(
    mode: str, taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over(mode, timeout=0.5)
    if mode == "never receives again":
        read(pool)
    error = error_of(pool)
    assert isinstance(error, DecoderLost)
    assert str(error) == f"the image was not decoded within 0.5 seconds; {LATER}"
    assert losses == ["timeout"]


def test_read_of_a_decoder_that_repeats_the_answer_of_the_job_before_raises_decoder_lost(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over("repeats the job before")
    assert_reads_rightly(pool)
    assert isinstance(error_of(pool), DecoderLost)
    assert_reads_rightly(pool)
    assert losses == ["answer"]


def test_decoder_that_keeps_its_files_is_replaced_when_it_can_receive_no_more(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over("keeps its files")
    gc.collect()
    files = len(os.listdir("/proc/self/fd"))
    while not losses:
        with suppress(DecoderLost):
            read(pool)
    assert_reads_rightly(pool)
    assert losses == ["crash"]
    assert len(os.listdir("/proc/self/fd")) <= files


def test_decoder_that_ignores_the_file_answers_with_pixels_of_its_own(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    # Nobody can tell that these pixels are not the photo's. They are as many as they should be.
    pool = taken_over("ignores the file")
    with pool.read(CAT, keep_photo=True) as picture:
        assert (picture.photo.shape, picture.image.shape) == ((300, 451, 3), (43, 65, 3))
        assert not picture.photo.any()
    assert losses == []


def test_decoder_that_never_receives_blocks_no_sender(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over("never receives again")
    read(pool)
    for _ in range(10_000):
        pool.processes[0].release()
    error = error_of(pool)
    assert isinstance(error, DecoderLost)
    assert "does not receive images" in str(error)
    assert_reads_rightly(pool)
    assert losses == ["answer"]


def test_control_characters_of_a_decoder_reach_neither_the_log_nor_the_client(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], caplog: pytest.LogCaptureFixture
) -> None:
    pool = taken_over("sends control characters")
    error = error_of(pool)
    assert isinstance(error, InvalidImage)
    assert losses == []
    lines = [record.getMessage() for record in caplog.records]
    assert 0 < len(lines) <= MAX_LINES
    assert all(line.isprintable() and len(line) < MAX_LINE + 50 for line in lines)
    assert str(error).isprintable()
    assert len(str(error)) == MAX_TEXT
    assert "\N{CAT FACE}" in str(error)
    assert str(error).encode()


def test_megabyte_that_a_decoder_prints_is_cut_to_a_few_lines(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], caplog: pytest.LogCaptureFixture
) -> None:
    pool = taken_over("prints a megabyte")
    for _ in range(3):
        caplog.clear()
        assert_reads_rightly(pool)
        lines = [record.getMessage() for record in caplog.records]
        assert 0 < len(lines) <= MAX_LINES
        assert all(line.isprintable() and len(line) < MAX_LINE + 50 for line in lines)
    assert losses == []


def test_longest_message_is_received(taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]) -> None:
    pool = taken_over("sends the longest message")
    assert str(error_of(pool)) == "the longest"
    assert losses == []


def test_two_decoders_that_break_rules_do_not_stop_the_others_photos(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over("closes its socket", processes=2)
    with ThreadPoolExecutor(2) as clients:
        errors = list(clients.map(lambda _: error_of(pool), range(2)))
    assert [type(error) for error in errors] == [DecoderLost, DecoderLost]
    for _ in range(4):
        assert_reads_rightly(pool)
    assert losses == ["answer", "answer"]


@pytest.mark.parametrize("mode", ["is silent", "burns CPU", "closes its socket"])
def test_read_that_nobody_waits_for_ends_its_decoder_and_counts_no_loss(
    mode: str, taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = taken_over(mode)
    monkeypatch.setattr(exchange, "CPU_SECONDS", NEVER)
    monkeypatch.setattr(decoder_process, "MAX_CLOSE_SECONDS", NEVER)
    pool.wait_until_ready()
    pid = pool.processes[0].pid
    with checked(raising_at_call(3)), pytest.raises(ClientGone):
        read(pool)
    assert not Path(f"/proc/{pid}").exists()
    assert_reads_rightly(pool)
    assert losses == []


def test_read_that_nobody_waits_for_does_not_wait_for_an_idle_decoder(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss]
) -> None:
    pool = taken_over("ignores the file")
    with pool.read(CAT), checked(raising_at_call(2)), pytest.raises(ClientGone):
        read(pool)
    assert losses == []


def test_start_that_nobody_waits_for_goes_on(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = taken_over("ignores the file")
    [process] = pool.processes
    pid = process.pid
    os.kill(pid, signal.SIGSTOP)
    with checked(raising_at_call(2)), pytest.raises(ClientGone):
        read(pool)
    os.kill(pid, signal.SIGCONT)
    read(pool)
    assert (process.pid, losses) == (pid, [])


def test_pause_of_the_whole_machine_is_not_the_decoders(
    taken_over: Callable[..., DecoderPool], losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = taken_over("ignores the file")
    pool.wait_until_ready()
    os.kill(pool.processes[0].pid, signal.SIGSTOP)
    pauses: list[float] = []

    def pause() -> None:
        if not pauses:
            pauses.append(2 * NEVER)
            os.kill(pool.processes[0].pid, signal.SIGCONT)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(pauses))
    monkeypatch.setattr(decoder_process, "time", clock)
    with checked(pause):
        read(pool)
    assert pauses
    assert losses == []


def raising_at_call(number: int) -> Callable[[], None]:
    """Return a check that raises ClientGone at its call with this number, and then."""
    calls = itertools.count(1)

    def check() -> None:
        if next(calls) >= number:
            raise ClientGone("the client has gone")

    return check
