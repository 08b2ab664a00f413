"""The export of spans by OTLP over HTTP, with the SDK of OpenTelemetry, which reads the standard variables.

Attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
"""

import time
from http import HTTPStatus

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from api.protocols import MODEL
from core.log import last_calls, request_ids
from core.log.trace import Trace, current
from core.types import Stage
from segmenter import __version__

UNNAMED = "unknown_service"  # the name in the SDK's resource if OTEL_SERVICE_NAME is not set


class Ids(RandomIdGenerator):
    """The ids of spans: that of a request is in the log and in its response before its span is made."""

    def __init__(self) -> None:
        self.request: Trace | None = None

    def generate_trace_id(self) -> int:
        """Return the id of a trace that begins here."""
        return int(self.request.ids["trace_id"], 16) if self.request else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the id of the next span: of the request, then of its stages."""
        request, self.request = self.request, None
        return int(request.ids["span_id"], 16) if request else super().generate_span_id()


class OtlpSpans:
    """Exports the spans of requests to `endpoint`, the address of a collector's traces; see api.tracing.Spans."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({SERVICE_VERSION: __version__})
        if str(resource.attributes[SERVICE_NAME]).startswith(UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: MODEL}))
        self._ids = Ids()
        provider = TracerProvider(resource=resource, id_generator=self._ids)
        # It never waits for the collector: a full queue drops spans.
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        last_calls.append(provider.shutdown)
        self._tracer = provider.get_tracer(MODEL, __version__)

    def add_stage(self, stage: Stage, seconds: float) -> None:
        """Keep a stage for the span of its request."""
        if trace := current.get(None):
            end = time.time_ns()
            trace.stages.append((stage, end - round(1e9 * seconds), end))

    def add_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Export the request and its stages, if it takes a photo or its client has sent a trace."""
        trace, end = current.get(None), time.time_ns()
        if not trace or not (method == "POST" or "parent_id" in trace.ids):
            return
        self._ids.request = trace
        span = self._tracer.start_span(
            f"{method} {path}",
            _client_of(trace),
            otel.SpanKind.SERVER,
            {
                "http.request.method": method,
                "http.route": path,
                "http.response.status_code": status,
                "url.scheme": "http",
                "segmenter.request_id": request_ids.get()["request_id"],
            },
            start_time=end - round(1e9 * seconds),
        )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_attribute("error.type", str(status))
            span.set_status(otel.StatusCode.ERROR)
        within = otel.set_span_in_context(span, Context())
        for stage, stage_start, stage_end in trace.stages:
            self._tracer.start_span(stage, within, start_time=stage_start).end(stage_end)
        span.end(end)


def _client_of(trace: Trace) -> Context:
    """Return the context with the client's span; an empty one if the trace begins here."""
    if "parent_id" not in trace.ids:
        return Context()
    trace_id, span_id = (int(trace.ids[name], 16) for name in ("trace_id", "parent_id"))
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if trace.is_sampled else otel.TraceFlags.DEFAULT)
    client = otel.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return otel.set_span_in_context(otel.NonRecordingSpan(client), Context())
