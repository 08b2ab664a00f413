"""W3C Trace Context: the trace that a request belongs to (https://www.w3.org/TR/trace-context/)."""

import random
import re
from typing import NamedTuple

# The fields version, trace-id, parent-id and trace-flags. Version 00 ends there, later ones may go on; ff is forbidden.
TRACEPARENT = re.compile(
    r"(?!ff|00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
RANDOM_TRACE_ID = 2  # the flag that says how the client made the trace-id; the flag `sampled` is 1


class Trace(NamedTuple):
    """The part of a request in a trace; both are empty if the request belongs to none."""

    ids: dict[str, str]  # hexadecimal, for the log: trace_id, span_id of this request, and parent_id of the client
    headers: dict[str, str]  # for the response


def trace_of(traceparent: str) -> Trace:
    """Return the trace of a request with the header `traceparent`; one that is not valid is ignored, as W3C demands."""
    found = TRACEPARENT.fullmatch(traceparent)
    if not found:
        return Trace({}, {})
    trace_id, parent_id, flags = found.groups()
    span_id = f"{random.getrandbits(64) or 1:016x}"
    # Never `sampled`: the service exports no spans.
    response = f"00-{trace_id}-{span_id}-{int(flags, 16) & RANDOM_TRACE_ID:02x}"
    return Trace({"trace_id": trace_id, "span_id": span_id, "parent_id": parent_id}, {"traceresponse": response})
