"""Images that are read in helper processes: the pixels, and what a lost helper costs."""

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
from core.errors import DecoderLost, ImageTooLarge, InvalidImage, MemoryFull, ModelError
from core.image import child
from core.image.decode import read_image
from core.image.helper import IDLE
from core.image.reader import MAX_SECONDS, ImageReader
from core.image.resize import resized
from tests.support.bombs import log_bomb, scan_bomb
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.processes import memory_megabytes
from tests.support.service import wait_for

CAT = CHELSEA.read_bytes()
NEVER = 600.0
SCAN_BOMB = scan_bomb()


@pytest.fixture
def losses() -> list[str]:
    """The causes of the lost helpers of `reader`."""
    return []


@pytest.fixture
def reader(losses: list[str]) -> ImageReader:
    """A reader of one helper."""
    reader = ImageReader(65, 10**6, NEVER, on_loss=losses.append)
    reader.wait_until_ready()
    return reader


def end_idle(reader: ImageReader, losses: list[str]) -> None:
    """Kill the only helper of `reader`, and wait until the reader knows."""
    [helper] = reader.helpers
    os.kill(helper.pid, signal.SIGKILL)
    wait_for(lambda: bool(losses))


def size_of(reader: ImageReader, data: bytes) -> tuple[int, int]:
    """Return the size of the photo in `data`, read by `reader`."""
    with reader.read(data) as picture:
        return picture.size


def size_or_none(reader: ImageReader) -> tuple[int, int] | None:
    """Return the size of the cat; None if the helper is lost."""
    try:
        return size_of(reader, CAT)
    except DecoderLost:
        return None


def test_read_returns_pixels_of_decoder_and_resize(reader: ImageReader) -> None:
    photo = read_image(CAT, 10**6)
    with reader.read(CAT, keep_photo=True) as picture:
        assert picture.size == photo.size == (451, 300)
        assert np.array_equal(picture.photo, np.asarray(photo.image))
        assert np.array_equal(picture.image, np.asarray(resized(photo, 65, reduce_first=True)))


def test_read_without_photo_returns_image_alone(reader: ImageReader) -> None:
    data = ASTRONAUT.read_bytes()
    with reader.read(data) as picture:
        assert picture.photo is picture.image
        assert np.array_equal(picture.image, np.asarray(resized(read_image(data, 10**6, 65), 65)))


def test_read_pixels_stay_until_the_block_ends(reader: ImageReader) -> None:
    with ThreadPoolExecutor(1) as other:
        with reader.read(CAT) as picture:
            before = picture.image.copy()
            size = other.submit(size_of, reader, ASTRONAUT.read_bytes())
            time.sleep(IDLE + 0.5)
            assert not size.done()
            assert np.array_equal(picture.image, before)
        assert size.result() == (512, 512)


@pytest.mark.parametrize("aspect", [(1, 1), (1000, 1), (1, 1000), (999, 1001)])
def test_read_of_image_of_any_aspect_returns_its_size(reader: ImageReader, aspect: tuple[int, int]) -> None:
    with reader.read(encode(Image.new("RGB", aspect, "red")), keep_photo=True) as picture:
        assert picture.photo.shape[:2] == aspect[::-1]
        assert max(picture.image.shape[:2]) == 65
        assert (picture.photo == (255, 0, 0)).all()


def test_read_raises_the_errors_of_the_decoder(reader: ImageReader, losses: list[str]) -> None:
    for data, error in ((b"text", InvalidImage), (b"", InvalidImage), (CAT[:9000], InvalidImage)):
        with pytest.raises(error, match="send"):
            size_of(reader, data)
    with pytest.raises(ImageTooLarge, match="MAX_IMAGE_MEGAPIXELS"):
        size_of(reader, encode(Image.new("L", (1001, 1000))))
    assert losses == []


def test_read_of_turned_photo_returns_it_upright(reader: ImageReader) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.new("RGB", (400, 300), "red"), "JPEG", exif=exif)
    for keep_photo in (False, True):
        with reader.read(data, keep_photo=keep_photo) as picture:
            assert (picture.size, picture.image.shape) == ((300, 400), (65, 48, 3))


def test_read_raises_image_too_large_for_large_page_behind_a_reduced_one(
    reader: ImageReader, losses: list[str]
) -> None:
    pages = [Image.new("L", (10, 5)), Image.new("L", (1001, 1000))]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1})
    is_reduced, is_not = (struct.pack("<HHII", 254, 4, 1, value) for value in (1, 0))
    last = data.rindex(is_reduced)
    with pytest.raises(ImageTooLarge, match="MAX_IMAGE_MEGAPIXELS"):
        size_of(reader, data[:last] + is_not + data[last + len(is_not) :])
    assert losses == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_read_whose_helper_is_killed_raises_decoder_lost_and_next_is_read(
    reader: ImageReader, losses: list[str], number: signal.Signals
) -> None:
    [helper] = reader.helpers
    pid = helper.pid
    os.kill(pid, signal.SIGSTOP)

    def kill() -> None:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)

    # The reader calls kill() while it waits for the answer.
    with checked(kill), pytest.raises(DecoderLost, match=f"ended with {number.name} at this image; try again later"):
        size_of(reader, CAT)
    assert size_of(reader, CAT) == (451, 300)
    assert losses == ["crash"]


def test_read_after_an_idle_helper_was_killed_returns_image(reader: ImageReader, losses: list[str]) -> None:
    end_idle(reader, losses)
    assert size_of(reader, CAT) == (451, 300)
    assert losses == ["crash"]


def test_wait_until_ready_during_reads_returns(reader: ImageReader) -> None:
    with ThreadPoolExecutor(4) as clients:
        sizes = [clients.submit(size_of, reader, CAT) for _ in range(20)]
        reader.wait_until_ready()
    assert {size.result() for size in sizes} == {(451, 300)}


def test_read_of_file_that_takes_minutes_ends_at_the_cpu_limit(reader: ImageReader, losses: list[str]) -> None:
    with pytest.raises(InvalidImage, match=r"more than 3 seconds of CPU time, and 0\.4 per"):
        size_of(reader, SCAN_BOMB)
    assert losses == ["cpu"]
    assert size_of(reader, CAT) == (451, 300)


def test_read_whose_helper_hangs_ends_at_the_timeout(losses: list[str]) -> None:
    reader = ImageReader(65, 10**6, 0.5, on_loss=losses.append)
    reader.wait_until_ready()
    [helper] = reader.helpers
    os.kill(helper.pid, signal.SIGSTOP)
    with pytest.raises(DecoderLost, match=r"not decoded within 0\.5 seconds; try again later"):
        size_of(reader, CAT)
    assert losses == ["timeout"]


def test_reader_without_deadline_has_a_limit_for_a_helper_that_is_stuck() -> None:
    assert ImageReader(65, 10**6, math.inf).timeout == MAX_SECONDS


def test_lost_helper_costs_the_other_none_of_its_images(losses: list[str]) -> None:
    reader = ImageReader(65, 10**6, NEVER, 2, losses.append)
    reader.wait_until_ready()
    with ThreadPoolExecutor(2) as clients:
        bomb = clients.submit(size_of, reader, SCAN_BOMB)
        pictures = 0
        while not bomb.done():
            assert size_of(reader, CAT) == (451, 300)
            pictures += 1
    assert isinstance(bomb.exception(), InvalidImage)
    assert losses == ["cpu"]
    assert pictures > 10


def test_read_logs_the_first_lines_that_a_decoder_prints(reader: ImageReader, caplog: pytest.LogCaptureFixture) -> None:
    try:
        size_of(reader, log_bomb(1000))
    except InvalidImage as error:
        assert "damaged" in str(error)  # noqa: PT017 - either is right
    lines = [record.getMessage() for record in caplog.records]
    assert 0 < len(lines) <= 3
    assert all(line.startswith("the image decoder printed: Fax3") and len(line) < 250 for line in lines)


def test_reader_without_references_leaves_no_process() -> None:
    reader = ImageReader(65, 10**6, NEVER, 2)
    pids = [helper.pid for helper in reader.helpers]
    del reader
    # A look at the idle helpers may hold it for a moment.
    wait_for(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def test_idle_helper_returns_the_memory_of_a_large_photo() -> None:
    reader = ImageReader(65, 20_000_000, NEVER)
    with reader.read(encode(Image.new("RGB", (5000, 4000))), keep_photo=True) as picture:
        assert picture.size == (5000, 4000)
        assert memory_megabytes(reader.helpers[0].pid) > 60
    time.sleep(IDLE)
    while memory_megabytes(reader.helpers[0].pid) > 60:
        time.sleep(0.1)


def test_read_when_no_process_can_be_started_raises_memory_full(
    reader: ImageReader, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/missing")
    end_idle(reader, losses)
    for _ in range(2):
        with pytest.raises(MemoryFull, match="can't be decoded now"):
            size_of(reader, CAT)
    monkeypatch.undo()
    assert size_of(reader, CAT) == (451, 300)
    assert losses == ["crash"]


def test_read_when_no_helper_starts_raises_decoder_lost_without_its_output(
    reader: ImageReader, losses: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(child, "ROOT", tmp_path)
        end_idle(reader, losses)
        for _ in range(2):
            with pytest.raises(DecoderLost, match=r"^the image decoder does not start; try again later"):
                size_of(reader, CAT)
    wait_for(lambda: size_or_none(reader) == (451, 300))


def test_wait_until_ready_when_helper_does_not_start_raises_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "ROOT", tmp_path)
    with pytest.raises(ModelError, match=r"does not start: .*No module named"):
        ImageReader(65, 10**6, NEVER).wait_until_ready()
