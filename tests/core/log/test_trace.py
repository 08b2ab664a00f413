"""The header `traceparent`: the examples of W3C Trace Context, and what makes it invalid."""

import re

import pytest

from core.log.trace import Trace, trace_of

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
    assert not trace.is_sampled


@pytest.mark.parametrize(("given", "flags"), [("00", "00"), ("01", "01"), ("03", "03"), ("fe", "02"), ("ff", "03")])
def test_trace_with_export_is_sampled_as_the_client_says(given: str, flags: str) -> None:
    trace = trace_of(f"00-{TRACE}-{PARENT}-{given}", exports=True)
    assert trace.headers == {"traceresponse": f"00-{TRACE}-{trace.ids['span_id']}-{flags}"}
    assert trace.is_sampled == (flags in {"01", "03"})


def test_trace_with_export_and_without_client_begins_one() -> None:
    trace, other = trace_of("", exports=True), trace_of("00-no trace", exports=True)
    assert trace.ids.keys() == {"trace_id", "span_id"}
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-03", trace.headers["traceresponse"])
    assert trace.ids["trace_id"] != other.ids["trace_id"]


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
    assert trace_of(header) == Trace()


def test_traces_of_two_requests_have_different_spans() -> None:
    assert len({trace_of(f"00-{TRACE}-{PARENT}-01").ids["span_id"] for _ in range(100)}) == 100
