"""What `batch` is to do, as it is sent to each worker."""

from dataclasses import dataclass, replace

from config import Settings

# Beside the photos that are computed, so many are being read, decoded or written at a time.
IN_TRANSIT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Make `output`, one of the service's or "none", of the photos at the URL `source`, and write it to `target`.

    At each photo's own size if `original`; only of the class ids `classes`, if there are any. Each worker runs a model
    with `settings` on `threads` CPU threads.
    """

    source: str
    target: str
    output: str
    original: bool
    classes: tuple[int, ...]
    threads: int
    settings: Settings

    @property
    def calls(self) -> int:
        """How many photos a worker has in its hands at a time."""
        return max(2, self.threads // 2) + IN_TRANSIT

    def model_settings(self) -> Settings:
        """Return the settings of a worker's model, whose queue no client waits in."""
        return replace(self.settings, threads=self.threads, queue_size=self.calls, request_timeout=3600.0)

    def identity(self, graph_sha256: str) -> dict[str, str]:
        """Return what has to be the same in two runs for the second to go on with the first's OUTPUT."""
        return {
            "INPUT": self.source,
            "--output": self.output,
            "--size": "original" if self.original else "model",
            "--classes": ",".join(map(str, self.classes)),
            "the graph's sha256": graph_sha256,
            "IMAGE_SIZE": str(self.settings.image_size),
            "CANVAS": self.settings.canvas,
            "PRECISION": self.settings.precision,
        }
