"""The job of a batch run, which each worker gets."""

from dataclasses import dataclass, replace
from typing import Any

from commands.shared.run_identity import identity
from config import Settings
from core.types import Options
from core.weights.registry import Weights
from segmenter import unlimited

# Photos that a worker reads, decodes or writes at a time, in addition to those that it computes.
IN_TRANSIT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Write the `output`, a name in OUTPUTS or "none", of the photos at the URL `source` to the URL `target`.

    `details` are names and values of the parameters of the output that differ from their defaults. Each worker runs a
    model with `settings` on `threads` CPU threads.
    """

    source: str
    target: str
    output: str
    options: Options
    threads: int
    settings: Settings
    details: tuple[tuple[str, Any], ...] = ()

    @property
    def calls(self) -> int:
        """Number of photos that a worker processes at a time."""
        return replace(self.settings, threads=self.threads).concurrency + IN_TRANSIT

    def model_settings(self) -> Settings:
        """Return the settings of a worker's model: its queue takes all calls, and no deadline ends a photo."""
        return replace(unlimited(self.settings), threads=self.threads, queue_size=self.calls)

    def identity(self, weights: Weights) -> dict[str, str]:
        """Return the properties that two runs must share for the second to resume the first."""
        made = identity(self.output, self.options, dict(self.details), self.settings, weights)
        return {"INPUT": self.source} | made
