"""An observer that keeps what it is told."""

from core.types import DecoderLoss, Observer, Stage


class Recorder(Observer):
    """Keeps the `stages` of requests with their durations in seconds, and the causes of `losses`, in their order."""

    def __init__(self) -> None:
        self.stages: list[tuple[Stage, float]] = []
        self.losses: list[DecoderLoss] = []

    def observe(self, stage: Stage, seconds: float) -> None:
        self.stages.append((stage, seconds))

    def count_loss(self, cause: DecoderLoss) -> None:
        self.losses.append(cause)
