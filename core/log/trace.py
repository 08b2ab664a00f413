"""W3C Trace Context: the trace that a request belongs to (https://www.w3.org/TR/trace-context/)."""

import random
import re
from contextvars import ContextVar
from dataclasses import dataclass, field

from core.log import request_ids
from core.types import Stage

# The fields version, trace-id, parent-id and trace-flags. Version 00 ends there, later ones may go on; ff is forbidden.
TRACEPARENT = re.compile(
    r"(?!ff|00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
# Flags: the spans are recorded, and the client made the trace-id at random.
SAMPLED, RANDOM_TRACE_ID = 1, 2


@dataclass(frozen=True, slots=True)
class Trace:
    """The part of a request in a trace; `ids` and `headers` are empty if the request belongs to none.

    `stages` has the name of each stage that has ended, with its begin and end in nanoseconds since 1970, if spans are
    exported.
    """

    # Hexadecimal, for the log: trace_id, span_id of this request, and parent_id of the client if that has sent one.
    ids: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # for the response
    is_sampled: bool = False  # whether the client records its spans
    stages: list[tuple[Stage, int, int]] = field(default_factory=list)

    def begin(self, request_id: str) -> None:
        """Make this the trace of the current task, and of the threads that work for it, with the id of its request."""
        request_ids.set({"request_id": request_id, **self.ids})
        current.set(self)


current = ContextVar[Trace]("trace")


def trace_of(traceparent: str, *, exports: bool = False) -> Trace:
    """Return the trace of a request with the header `traceparent`; one that is not valid is ignored, as W3C demands.

    With `exports`, spans are exported: a request without a trace begins one, and a response can be `sampled`.
    """
    if found := TRACEPARENT.fullmatch(traceparent):
        trace_id, parent_id, text = found.groups()
        flags, parent = int(text, 16), {"parent_id": parent_id}
    elif exports:
        trace_id, flags, parent = f"{random.getrandbits(128) or 1:032x}", SAMPLED | RANDOM_TRACE_ID, {}
    else:
        return Trace()
    span_id = f"{random.getrandbits(64) or 1:016x}"
    flags &= RANDOM_TRACE_ID | (SAMPLED if exports else 0)
    ids = {"trace_id": trace_id, "span_id": span_id, **parent}
    return Trace(ids, {"traceresponse": f"00-{trace_id}-{span_id}-{flags:02x}"}, bool(flags & SAMPLED))
