"""A collector of OpenTelemetry that keeps the spans it receives by OTLP over HTTP (opentelemetry-proto)."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from tests.support.service import wait_for

PROTOBUF = "application/x-protobuf"


class Collector:
    """A collector at `url`, and what it has received; `headers` are those of the last request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[ResourceSpans] = []
        self.headers: dict[str, str] = {}

    @property
    def spans(self) -> list[Span]:
        """All spans, as they arrived."""
        return [span for item in self.received for scope in item.scope_spans for span in scope.spans]

    def wait_for_spans(self, count: int) -> dict[str, Span]:
        """Return the spans by their names, when `count` of them are there."""
        wait_for(lambda: len(self.spans) >= count)
        return {span.name: span for span in self.spans}


def values(attributes: Iterable[KeyValue]) -> dict[str, str | int]:
    """Return attributes of a span or of a resource."""
    return {item.key: item.value.string_value or item.value.int_value for item in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that listens until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Keep the spans of a request."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            is_right = (self.path, self.headers["Content-Type"]) == ("/v1/traces", PROTOBUF)
            if is_right:
                found.headers = {name.lower(): value for name, value in self.headers.items()}
                found.received.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if is_right else 404)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
