"""The counts of a batch run."""

import time
from dataclasses import dataclass, field

# Maximum number of errors that are printed.
MAX_ERRORS = 10
# A rate is printed from this number of photos, and of seconds, on.
MIN_PHOTOS, MIN_SECONDS = 20, 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of some photos: the number of those `done`, and the errors, broken or transient, of the others."""

    done: int
    broken: list[str]
    transient_errors: list[str]


@dataclass
class Summary:
    """The progress of a run: `skipped` photos were done by earlier runs, of which `skipped_broken` have no result.

    `errors` are the first errors of this run. `lost` is the number of folders and photos that can't be listed,
    `changed` that of results that were changed, and `interrupted` the exit status if a signal has ended the run.
    """

    photos: int
    skipped: int
    skipped_broken: int = 0
    lost: int = 0
    done: int = 0
    broken: int = 0
    errors: list[str] = field(default_factory=list)
    changed: int = 0
    interrupted: int = 0
    # The start of the run, and the number of processed photos after the first and the last task.
    began_at: float = field(default_factory=time.monotonic)
    steps: list[tuple[float, int]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Number of photos without a result or an error."""
        return self.photos - self.skipped - self.done - self.broken

    @property
    def without_result(self) -> int:
        """Number of photos, and of unreadable folders, that have no result after all runs."""
        return self.left + self.broken + self.skipped_broken + self.lost

    def add(self, outcome: Outcome) -> None:
        """Count the photos of `outcome`."""
        self.done += outcome.done
        self.broken += len(outcome.broken)
        errors = [*outcome.broken, *outcome.transient_errors]
        self.errors += errors[: MAX_ERRORS - len(self.errors)]
        self.steps[1:] = [(time.monotonic(), self.done + self.broken)]

    def __str__(self) -> str:
        counts = f"{self.done} done, {self.skipped} skipped, {self.broken} broken, {self.left} left"
        text = f"{counts} in {time.monotonic() - self.began_at:.0f} s"
        if len(self.steps) < 2:
            return text
        (first, before), (last, after) = self.steps
        # Photos are finished several at a time: the rate of a few, or of a moment, tells nothing.
        if after - before < MIN_PHOTOS or last - first < MIN_SECONDS:
            return text
        return f"{text}; from the first photos on {(after - before) / (last - first):.1f} images per second"
