"""The writer of the log: nobody waits for its stream, order is kept, and each dropped line is counted."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from core.log.writer import MAX_WAITING, Writer
from tests.support.service import TIMEOUT, wait_for

# More than a pipe and the buffer hold.
MANY = 2 * MAX_WAITING // 100


def line(number: int) -> bytes:
    """Return a line of 100 bytes."""
    return f"{number:099}\n".encode()


def report(dropped: int) -> bytes:
    """Return the line about a gap."""
    return f"dropped {dropped}\n".encode()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The ends of a pipe: to read, and to write."""
    ends = os.pipe()
    yield ends
    # The end to write stays open: its number must not become that of another file while a thread writes to it.
    with suppress(OSError):
        os.close(ends[0])


def read_until(descriptor: int, end: bytes) -> bytes:
    """Return what the pipe has up to `end`."""
    found = b""
    while not found.endswith(end):
        found += os.read(descriptor, 1 << 16)
    return found


def test_put_writes_lines_in_order(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], report)
    for number in range(100):
        writer.put(line(number))
    assert read_until(pipe[0], line(99)) == b"".join(map(line, range(100)))
    assert writer.dropped == 0


def test_put_after_the_system_had_no_thread_writes_all_lines(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(pipe[1], report)

    def fail(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", fail)
        with pytest.raises(RuntimeError):
            writer.put(line(0))
    writer.put(line(1))
    assert read_until(pipe[0], line(1)) == line(0) + line(1)


@pytest.mark.parametrize("blocking", [True, False])
def test_put_with_reader_that_stands_still_drops_lines_and_then_reports_their_number(
    pipe: tuple[int, int], blocking: bool
) -> None:
    os.set_blocking(pipe[1], blocking)
    writer = Writer(pipe[1], report)
    for number in range(MANY):
        writer.put(line(number))
    assert 0 < writer.dropped < MANY
    written = MANY - writer.dropped
    found = read_until(pipe[0], report(writer.dropped))
    assert found == b"".join(map(line, range(written))) + report(writer.dropped)
    writer.flush(TIMEOUT)
    writer.put(line(MANY))
    assert read_until(pipe[0], line(MANY)) == line(MANY)


def test_put_of_line_larger_than_the_buffer_drops_and_reports_it(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], report)
    writer.put(bytes(MAX_WAITING) + b"\n")
    writer.put(line(1))
    assert read_until(pipe[0], report(2)) == report(2)


def test_flush_with_reader_that_stands_still_ends_after_its_seconds(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], report)
    for number in range(MANY):
        writer.put(line(number))
    began_at = time.monotonic()
    writer.flush(0.1)
    assert time.monotonic() - began_at >= 0.1


@pytest.mark.parametrize("kind", ["full disk", "closed pipe"])
def test_put_to_stream_that_fails_counts_lines_and_flush_does_not_wait(pipe: tuple[int, int], kind: str) -> None:
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), pipe[0])  # closes the end to read; its number must not become that of another file
    descriptor = os.open("/dev/full", os.O_WRONLY) if kind == "full disk" else pipe[1]
    writer = Writer(descriptor, report)
    for number in range(100):
        writer.put(line(number))
    writer.flush(TIMEOUT)
    assert writer.dropped == 100
    writer.flush(TIMEOUT)


def test_put_after_error_within_a_line_reports_the_gap_on_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.log.writer.RETRY", 0.01)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("wb") as file:
        writer = Writer(file.fileno(), report)
        resource.setrlimit(resource.RLIMIT_FSIZE, (250, limits[1]))
        try:
            for number in range(10):
                writer.put(line(number))
            wait_for(lambda: writer.dropped == 8)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        wait_for(lambda: (tmp_path / "log").read_bytes().endswith(report(8)))
        writer.put(line(10))
        writer.flush(TIMEOUT)
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert lines == [line(0), line(1), line(2)[:50] + b"\n", report(8), line(10)]
