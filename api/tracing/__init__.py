"""Traces: whether the spans of requests are exported, and to which address."""

from typing import Protocol

from config import Settings
from core.types import Stage


class Spans(Protocol):
    """Receives what becomes a span; both methods are called in the context of the request."""

    def add_stage(self, stage: Stage, seconds: float) -> None:
        """Add a `stage` that took `seconds` and ends now."""

    def add_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Add the request for `path`, a route, whose response has `status` and begins now, after `seconds`."""


def create_spans(settings: Settings) -> Spans | None:
    """Return what exports the spans to the endpoint of `settings`; None if there is no endpoint.

    Call it in the process that serves, not in one that forks later: a thread exports the spans.
    """
    if not settings.traces_endpoint:
        return None
    # Its packages are optional.
    from api.tracing.otlp import OtlpSpans  # noqa: PLC0415

    return OtlpSpans(settings.traces_endpoint)
