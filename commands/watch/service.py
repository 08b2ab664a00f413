"""Segments the photos of a watched folder until `stop` is set."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import watchfiles

from commands.shared.again import Again, Version, error_with
from commands.shared.errors import PHOTO_ERRORS, reason
from commands.shared.files import check_inside, check_name, make_folder, write
from commands.shared.names import result_name
from commands.shared.photos import read_limited, reason_of
from commands.shared.say import say
from commands.shared.stop import Stop, Stopped
from commands.watch.arrivals import Arrivals, version_of
from commands.watch.journal import Journal
from commands.watch.retries import PERMANENT, Retries
from config import Settings
from core.errors import MemoryFull, SegmenterError
from core.model import ModelWrapper
from core.output.encode import Encoder
from core.types import Options

# Polling interval, in ms, for files that may be complete.
POLL = 250
# Seconds between two scans of the folder: network file systems send no events.
SCAN = 30.0
# Seconds between two attempts to write a result to a full disk.
RETRY = 5.0


@dataclass
class Watch:
    """Segments the photos in `source` with `model`, and writes the `output` of each to the folder `target`."""

    source: Path
    target: Path
    output: str
    model: ModelWrapper
    encode: Encoder | None
    options: Options
    journal: Journal
    arrivals: Arrivals
    stop: Stop
    settings: Settings
    again: Again
    _waits: bool = field(default=False, init=False)
    _retries: Retries = field(default_factory=Retries, init=False)

    def run(self) -> None:
        """Segment photos until `stop` is set; the current photo is finished, if that takes no longer than its grace."""
        self.journal.forget_errors(self.again)
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
                say(error)
            printed = set(self.arrivals.errors)
            for path, version in self.arrivals.complete():
                try:
                    self._process(path, version)
                except Stopped:
                    return
                if self.stop.is_set():
                    return

    def _changes(self) -> Iterator[list[Path]]:
        """Yield the paths that changed, at least every POLL milliseconds, until `stop` is set.

        If the system does not tell them, as with too many folders, the scans alone find the photos.
        """
        printed = ""
        while not self.stop.is_set():
            try:
                yield from self._events()
            except (OSError, RuntimeError, ValueError) as error:
                if str(error) != printed:
                    say(f"{self.source}: the system tells no changes: {error}; looking for them at times")
                    seconds = 0.0  # one event that can't be told, as a name that is not UTF-8
                else:
                    seconds = RETRY
                printed = str(error)
                yield [self.source]
                self.stop.wait(seconds)

    def _events(self) -> Iterator[list[Path]]:
        found = watchfiles.watch(
            self.source,
            watch_filter=None,
            debounce=POLL,
            stop_event=self.stop,  # it has is_set(), all that is used of an event
            raise_interrupt=False,
            rust_timeout=POLL,
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        for changes in found:
            yield [Path(path) for _, path in changes]

    def _process(self, path: Path, version: Version) -> None:
        photo = path.relative_to(self.source)
        file = self.target / result_name(photo, self.output)
        if self.journal.has(photo, version) and not (self.again.check and self._is_missing(photo, file)):
            return
        if reason_why := reason_of(path):
            say(f"left out, {reason_why}: {photo}")
            return
        began_at = time.monotonic()
        try:
            content = self._segmented(path, photo, file)
            self._patiently(lambda: self._write(file, content))
            self._patiently(lambda: self.journal.add(photo, version, version_of(file)))
            self._retries.forget(path)
            say(f"{photo} -> {file} ({time.monotonic() - began_at:.1f} s)", err=False)
        except Stopped:
            raise
        except PHOTO_ERRORS as failure:
            error, cause = str(failure), error_with(failure, self.settings)
            self._patiently(lambda: self.journal.add_error(photo, version, error, cause))
            self._retries.forget(path)
            say(f"{photo}: {error}")
        except Exception as failure:
            if self.stop.is_set():
                raise Stopped from failure  # the decoder may have got the signal, too
            # A deleted file needs no message. Another one need not be at fault.
            if path.exists():
                say(f"{photo}: {reason(failure)}; {self._next_try(path, version, failure)}")

    def _next_try(self, path: Path, version: Version, failure: Exception) -> str:
        """Let a photo be tried again whose error was not recorded; return when."""
        delay = self._retries.delay(path, version, failure)
        if delay is None:
            return "it is tried again when it changes, and after a restart"
        self.arrivals.see_again(path, version, delay)
        return f"it is tried again in {delay:g} s"

    def _is_missing(self, photo: Path, file: Path) -> bool:
        """Return whether the result of `photo` in `file` is gone; name one that was changed."""
        has_result, before = self.journal.result(photo)
        now = version_of(file)
        if has_result and now and before not in {None, now}:
            say(f"{file}: the result was changed after it was written; delete it, and --check makes it again")
        return has_result and now is None

    def _segmented(self, path: Path, photo: Path, file: Path) -> bytes:
        """Return the result of the photo. Raises Stopped, and what else prevents it."""
        if other := self.journal.same_result(photo):
            raise SegmenterError(f"its result would overwrite that of {other}; rename one")
        check_name(file)
        while True:
            try:
                return self.stop.call(self._segment, path)
            except MemoryFull as error:
                self._wait(str(error))

    def _segment(self, path: Path) -> bytes:
        with path.open("rb") as opened:
            data = read_limited(opened, self.settings.max_upload_bytes)
        return self.model.segment(data, self.encode, self.options, is_connected=self.stop.wants).content

    def _write(self, file: Path, content: bytes) -> None:
        check_inside(file.parent, self.target)
        make_folder(file.parent)
        write(file, content)

    def _patiently(self, action: Callable[[], None]) -> None:
        """Call `action` until it succeeds. Raises Stopped, and an OSError of PERMANENT."""
        while True:
            try:
                action()
            except OSError as error:
                if error.errno in PERMANENT:
                    raise
                self._wait(f"{self.target} can't be written: {error.strerror or error}")
            else:
                if self._waits:
                    say(f"{self.target} can be written again")
                self._waits = False
                return

    def _wait(self, why: str) -> None:
        """Wait for RETRY seconds, and print why, once. Raises Stopped if `stop` is set."""
        if not self._waits:
            say(f"{why}; waiting, and trying every {RETRY:g} s")
        self._waits = True
        if self.stop.wait(RETRY):
            raise Stopped
