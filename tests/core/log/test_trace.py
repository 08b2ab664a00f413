"""The header `traceparent`: the examples of W3C Trace Context, and what makes it invalid."""

import re

import pytest

from core.log.trace import trace_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-00", "00"),
        (f"00-{TRACE}-{PARENT}-01", "00"),
        (f"00-{TRACE}-{PARENT}-03", "02"),
        (f"00-{TRACE}-{PARENT}-fe", "02"),
        (f"01-{TRACE}-{PARENT}-01", "00"),
        (f"cc-{TRACE}-{PARENT}-01-and more of a later version", "00"),
        (f"cc-{TRACE}-{PARENT}-01-", "00"),
    ],
)
def test_trace_of_valid_traceparent_has_its_ids_and_a_span(header: str, flags: str) -> None:
    trace = trace_of(header)
    span = trace.ids["span_id"]
    assert trace.ids == {"trace_id": TRACE, "span_id": span, "parent_id": PARENT}
    assert re.fullmatch("[0-9a-f]{16}", span)
    assert span != PARENT
    assert trace.headers == {"traceresponse": f"00-{TRACE}-{span}-{flags}"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-011",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01more",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT[1:]}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}-0x",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"\uff10\uff10-{TRACE}-{PARENT}-01",
    ],
)
def test_trace_of_invalid_traceparent_is_empty(header: str) -> None:
    assert trace_of(header) == ({}, {})


def test_traces_of_two_requests_have_different_spans() -> None:
    assert len({trace_of(f"00-{TRACE}-{PARENT}-01").ids["span_id"] for _ in range(100)}) == 100
