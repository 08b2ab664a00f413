"""Images that are read in decoder processes: the pixels, and what a lost decoder process costs."""

import math
import os
import signal
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.checkpoint import checked
from core.decoders import decoder_process, exchange
from core.decoders.decoder_pool import MAX_SECONDS, DecoderPool
from core.decoders.decoder_program import IDLE
from core.errors import DecoderLost, ImageTooLarge, InvalidImage, MemoryFull, ModelError
from core.image.decode import read_image
from core.image.resize import resized
from core.types import DecoderLoss
from tests.support.avif import with_property
from tests.support.bombs import log_bomb, scan_bomb
from tests.support.images import encode
from tests.support.observer import Recorder
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.processes import memory_megabytes
from tests.support.service import wait_for

CAT = CHELSEA.read_bytes()
NEVER = 600.0
SCAN_BOMB = scan_bomb()


@pytest.fixture
def pool(recorder: Recorder) -> DecoderPool:
    """A pool of one decoder process."""
    pool = DecoderPool(65, 10**6, NEVER, observer=recorder)
    pool.wait_until_ready()
    return pool


def end_idle(pool: DecoderPool, losses: list[DecoderLoss]) -> None:
    """Kill the only decoder process of `pool`, and wait until the pool knows."""
    [process] = pool.processes
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: bool(losses))


def size_of(pool: DecoderPool, data: bytes) -> tuple[int, int]:
    """Return the size of the photo in `data`, read by `pool`."""
    with pool.read(data) as picture:
        return picture.size


def size_or_none(pool: DecoderPool) -> tuple[int, int] | None:
    """Return the size of the cat; None if the decoder process is lost."""
    try:
        return size_of(pool, CAT)
    except DecoderLost:
        return None


def test_read_returns_pixels_of_decoder_and_resize(pool: DecoderPool) -> None:
    photo = read_image(CAT, 10**6)
    with pool.read(CAT, keep_photo=True) as picture:
        assert picture.size == photo.size == (451, 300)
        assert np.array_equal(picture.photo, np.asarray(photo.image))
        assert np.array_equal(picture.image, np.asarray(resized(photo, 65, reduce_first=True)))


def test_read_without_photo_returns_image_alone(pool: DecoderPool) -> None:
    data = ASTRONAUT.read_bytes()
    with pool.read(data) as picture:
        assert picture.photo is picture.image
        assert np.array_equal(picture.image, np.asarray(resized(read_image(data, 10**6, 65), 65)))


def test_read_pixels_stay_until_the_block_ends(pool: DecoderPool) -> None:
    with ThreadPoolExecutor(1) as other:
        with pool.read(CAT) as picture:
            before = picture.image.copy()
            size = other.submit(size_of, pool, ASTRONAUT.read_bytes())
            time.sleep(IDLE + 0.5)
            assert not size.done()
            assert np.array_equal(picture.image, before)
        assert size.result() == (512, 512)


@pytest.mark.parametrize("aspect", [(1, 1), (1000, 1), (1, 1000), (999, 1001)])
def test_read_of_image_of_any_aspect_returns_its_size(pool: DecoderPool, aspect: tuple[int, int]) -> None:
    with pool.read(encode(Image.new("RGB", aspect, "red")), keep_photo=True) as picture:
        assert picture.photo.shape[:2] == aspect[::-1]
        assert max(picture.image.shape[:2]) == 65
        assert (picture.photo == (255, 0, 0)).all()


def test_read_raises_the_errors_of_the_decoder(pool: DecoderPool, losses: list[DecoderLoss]) -> None:
    for data, error in ((b"text", InvalidImage), (b"", InvalidImage), (CAT[:9000], InvalidImage)):
        with pytest.raises(error, match="send"):
            size_of(pool, data)
    with pytest.raises(ImageTooLarge, match="MAX_IMAGE_MEGAPIXELS"):
        size_of(pool, encode(Image.new("L", (1001, 1000))))
    assert losses == []


def test_read_of_turned_photo_returns_it_upright(pool: DecoderPool) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.new("RGB", (400, 300), "red"), "JPEG", exif=exif)
    for keep_photo in (False, True):
        with pool.read(data, keep_photo=keep_photo) as picture:
            assert (picture.size, picture.image.shape) == ((300, 400), (65, 48, 3))


def test_read_of_cropped_photo_returns_its_clean_aperture(pool: DecoderPool) -> None:
    aperture = b"clap" + struct.pack(">8i", 200, 1, 100, 1, 0, 1, 0, 1)
    data = with_property(encode(Image.new("RGB", (400, 300), "red"), "AVIF"), aperture)
    with pool.read(data, keep_photo=True) as picture:
        assert (picture.size, picture.image.shape) == ((200, 100), (32, 65, 3))


def test_read_raises_image_too_large_for_large_page_behind_a_reduced_one(
    pool: DecoderPool, losses: list[DecoderLoss]
) -> None:
    pages = [Image.new("L", (10, 5)), Image.new("L", (1001, 1000))]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1})
    is_reduced, is_not = (struct.pack("<HHII", 254, 4, 1, value) for value in (1, 0))
    last = data.rindex(is_reduced)
    with pytest.raises(ImageTooLarge, match="MAX_IMAGE_MEGAPIXELS"):
        size_of(pool, data[:last] + is_not + data[last + len(is_not) :])
    assert losses == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_read_whose_decoder_is_killed_raises_decoder_lost_and_next_is_read(
    pool: DecoderPool, losses: list[DecoderLoss], number: signal.Signals
) -> None:
    [process] = pool.processes
    pid = process.pid
    os.kill(pid, signal.SIGSTOP)

    def kill() -> None:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)

    # The pool calls kill() while it waits for the answer.
    with checked(kill), pytest.raises(DecoderLost, match=f"ended with {number.name} at this image; try again later"):
        size_of(pool, CAT)
    assert size_of(pool, CAT) == (451, 300)
    assert losses == ["crash"]


def test_read_after_an_idle_decoder_was_killed_returns_image(pool: DecoderPool, losses: list[DecoderLoss]) -> None:
    end_idle(pool, losses)
    assert size_of(pool, CAT) == (451, 300)
    assert losses == ["crash"]


def test_wait_until_ready_during_reads_returns(pool: DecoderPool) -> None:
    with ThreadPoolExecutor(4) as clients:
        sizes = [clients.submit(size_of, pool, CAT) for _ in range(20)]
        pool.wait_until_ready()
    assert {size.result() for size in sizes} == {(451, 300)}


def test_read_whose_decoder_hangs_ends_at_the_timeout(recorder: Recorder) -> None:
    pool = DecoderPool(65, 10**6, 0.5, observer=recorder)
    pool.wait_until_ready()
    [process] = pool.processes
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(DecoderLost, match=r"not decoded within 0\.5 seconds; try again later"):
        size_of(pool, CAT)
    assert recorder.losses == ["timeout"]


def test_pool_without_deadline_has_a_limit_for_a_decoder_that_is_stuck() -> None:
    assert DecoderPool(65, 10**6, math.inf).timeout == MAX_SECONDS


def test_file_that_takes_minutes_ends_at_the_cpu_limit_and_costs_other_images_nothing(
    recorder: Recorder, losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (exchange, decoder_process):
        monkeypatch.setattr(module, "CPU_SECONDS", 1)
    pool = DecoderPool(65, 10**6, NEVER, 2, recorder)
    pool.wait_until_ready()
    with ThreadPoolExecutor(2) as clients:
        bomb = clients.submit(size_of, pool, SCAN_BOMB)
        pictures = 0
        while not bomb.done():
            assert size_of(pool, CAT) == (451, 300)
            pictures += 1
    with pytest.raises(InvalidImage, match=r"more than 1 seconds of CPU time, and 0\.4 per"):
        bomb.result()
    assert losses == ["cpu"]
    assert pictures > 3
    for _ in range(2):
        assert size_of(pool, CAT) == (451, 300)


def test_read_logs_the_first_lines_that_a_decoder_prints(pool: DecoderPool, caplog: pytest.LogCaptureFixture) -> None:
    try:
        size_of(pool, log_bomb(1000))
    except InvalidImage as error:
        assert "damaged" in str(error)  # noqa: PT017 - either is right
    lines = [record.getMessage() for record in caplog.records]
    assert 0 < len(lines) <= 3
    assert all(line.startswith("the image decoder printed: Fax3") and len(line) < 250 for line in lines)


def test_pool_without_references_leaves_no_process() -> None:
    pool = DecoderPool(65, 10**6, NEVER, 2)
    pids = [process.pid for process in pool.processes]
    del pool
    # A look at the idle decoder processes may hold it for a moment.
    wait_for(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def test_idle_decoder_returns_the_memory_of_a_large_photo() -> None:
    pool = DecoderPool(65, 20_000_000, NEVER)
    with pool.read(encode(Image.new("RGB", (5000, 4000))), keep_photo=True) as picture:
        assert picture.size == (5000, 4000)
        assert memory_megabytes(pool.processes[0].pid) > 60
    time.sleep(IDLE)
    while memory_megabytes(pool.processes[0].pid) > 60:
        time.sleep(0.1)


def test_read_when_no_process_can_be_started_raises_memory_full(
    pool: DecoderPool, losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/missing")
    end_idle(pool, losses)
    for _ in range(2):
        with pytest.raises(MemoryFull, match="can't be decoded now"):
            size_of(pool, CAT)
    monkeypatch.undo()
    assert size_of(pool, CAT) == (451, 300)
    assert losses == ["crash"]


def test_read_when_no_decoder_starts_raises_decoder_lost_without_its_output(
    pool: DecoderPool, losses: list[DecoderLoss], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoder_process, "PROGRAM", ("-m", "core.image.missing"))
        end_idle(pool, losses)
        for _ in range(2):
            with pytest.raises(DecoderLost, match=r"^the image decoder does not start; try again later"):
                size_of(pool, CAT)
    wait_for(lambda: size_or_none(pool) == (451, 300))


def test_wait_until_ready_when_decoder_does_not_start_raises_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "PROGRAM", ("-m", "core.image.missing"))
    with pytest.raises(ModelError, match=r"does not start: .*No module named"):
        DecoderPool(65, 10**6, NEVER).wait_until_ready()
