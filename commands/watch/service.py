"""Segments the photos of a watched folder until `stop` is set."""

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import click
import watchfiles

from commands.shared.files import check_inside, write
from commands.shared.names import result_name
from commands.shared.photos import read_limited, reason_of
from commands.watch.arrivals import Arrivals, Version
from commands.watch.journal import Journal
from core.errors import DecoderLost, ImageTooLarge, InferenceFailed, InvalidImage, MemoryFull, UnsupportedImage
from core.model import ModelWrapper
from core.output.encode import Encoder
from core.types import Options

# Polling interval, in ms, for files that may be complete.
POLL = 250
# Seconds between two scans of the folder: network file systems send no events.
SCAN = 30.0
# Seconds between two attempts to write a result to a full disk.
RETRY = 5.0
# Errors of writing a result that stay: their cause is the name of the photo or a file in its place, not a full disk.
PERMANENT = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.ELOOP, errno.EILSEQ}


class Stopped(Exception):
    """`stop` was set while the watch waited; the photo is segmented after the next start."""


@dataclass
class Watch:
    """Segments the photos in `source` with `model`, and writes the `output` of each to the folder `target`."""

    source: Path
    target: Path
    output: str
    model: ModelWrapper
    encode: Encoder | None
    options: Options
    max_bytes: int
    journal: Journal
    arrivals: Arrivals
    stop: Event
    _waits: bool = field(default=False, init=False)

    def run(self) -> None:
        """Segment photos until `stop` is set; the current photo is finished.

        Raises ModelNotReady if the model is broken, and OSError or RuntimeError if the system can't watch `source`.
        """
        printed: set[str] = set()
        next_scan = 0.0
        for changed in self._changes():
            for path in changed:
                self.arrivals.see(path)
            # The first scan follows the start of the events, so that no file is missed between them.
            if time.monotonic() >= next_scan:
                self.arrivals.scan()
                next_scan = time.monotonic() + SCAN
            for error in sorted(self.arrivals.errors - printed):
                click.echo(error, err=True)
            printed = set(self.arrivals.errors)
            for path, version in self.arrivals.complete():
                try:
                    self._process(path, version)
                except Stopped:
                    return
                if self.stop.is_set():
                    return

    def _changes(self) -> Iterator[list[Path]]:
        """Yield the paths that changed, at least every POLL milliseconds, until `stop` is set."""
        found = watchfiles.watch(
            self.source,
            watch_filter=None,
            debounce=POLL,
            stop_event=self.stop,
            rust_timeout=POLL,
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        for changes in found:
            yield [Path(path) for _, path in changes]

    def _process(self, path: Path, version: Version) -> None:
        photo = path.relative_to(self.source)
        if self.journal.has(photo, version):
            return
        if reason := reason_of(path):
            click.echo(f"left out, {reason}: {photo}", err=True)
            return
        began_at = time.monotonic()
        try:
            error, content = self._segmented(path, photo)
        except (OSError, DecoderLost, InferenceFailed) as failure:
            # A deleted file needs no message. Another one need not be at fault, and is tried again after a restart.
            if path.exists():
                click.echo(f"{photo}: {failure}", err=True)
            return
        file = self.target / result_name(photo, self.output)
        if error is None:
            error = self._patiently(lambda: self._write(file, content))
        self._patiently(lambda: self.journal.add(photo, version, error))
        if error is None:
            click.echo(f"{photo} -> {file} ({time.monotonic() - began_at:.1f} s)")
        else:
            click.echo(f"{photo}: {error}", err=True)

    def _segmented(self, path: Path, photo: Path) -> tuple[str | None, bytes]:
        """Return why the photo can't be segmented, or None, and its result.

        Raises OSError, DecoderLost, InferenceFailed, ModelNotReady or Stopped if the photo need not be at fault.
        """
        if other := self.journal.same_result(photo):
            return f"its result would overwrite that of {other}; rename one", b""
        while True:
            try:
                with path.open("rb") as file:
                    data = read_limited(file, self.max_bytes)
                return None, self.model.segment(data, self.encode, self.options).content
            except (InvalidImage, UnsupportedImage, ImageTooLarge) as error:
                return str(error), b""
            except MemoryFull as error:
                self._wait(str(error))

    def _write(self, file: Path, content: bytes) -> None:
        check_inside(file.parent, self.target)
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, content)

    def _patiently(self, action: Callable[[], None]) -> str | None:
        """Call `action` until it succeeds; return None, or an error of PERMANENT. Raises Stopped."""
        while True:
            try:
                action()
            except OSError as error:
                if error.errno in PERMANENT:
                    return str(error)
                self._wait(f"{self.target} can't be written: {error.strerror or error}")
            else:
                if self._waits:
                    click.echo(f"{self.target} can be written again", err=True)
                self._waits = False
                return None

    def _wait(self, why: str) -> None:
        """Wait for RETRY seconds, and print why, once. Raises Stopped if `stop` is set."""
        if not self._waits:
            click.echo(f"{why}; waiting, and trying every {RETRY:g} s", err=True)
        self._waits = True
        if self.stop.wait(RETRY):
            raise Stopped
