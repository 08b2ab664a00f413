"""Hooks of schemathesis: photos for the image field, and a check of every answer."""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from fuzz.seeds import seeds

SEEDS = sorted(seeds().values())
# Signs of a leak about the code or the machine: a traceback, a Python file, a folder.
LEAK = re.compile(rb'Traceback|File "|\.py\b|site-packages|/(?:usr|home|root|tmp|opt|var|etc)/')


def photos() -> st.SearchStrategy[bytes]:
    """Return good files, truncated files, files with replaced bytes, and random bytes."""

    def damaged(data: bytes) -> st.SearchStrategy[bytes]:
        position = st.integers(0, len(data))
        return st.builds(lambda at, new: data[:at] + new + data[at + len(new) :], position, st.binary(max_size=8))

    good = st.sampled_from(SEEDS)
    truncated = good.flatmap(lambda data: st.integers(0, len(data)).map(lambda end: data[:end]))
    return st.one_of(good, good, truncated, good.flatmap(damaged), st.binary(max_size=64))


@schemathesis.hook
def flatmap_body(_context: schemathesis.HookContext, body: Any) -> st.SearchStrategy[Any]:
    """Put a photo into the field image, if there is one; schemathesis itself generates only random bytes."""
    if not isinstance(body, dict) or "image" not in body:
        return st.just(body)
    return photos().map(lambda photo: {**body, "image": photo})


@schemathesis.check
def every_answer(_context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Raise AssertionError if an answer lacks a header, has the wrong form, or leaks something about the code."""
    assert response.headers.get("x-request-id"), "no X-Request-ID"
    assert response.headers.get("x-content-type-options") == ["nosniff"], "no X-Content-Type-Options"
    assert response.headers.get("content-security-policy"), "no Content-Security-Policy"
    is_text = response.headers.get("content-type", [""])[0].startswith(("application/json", "text/"))
    if is_text and (found := LEAK.search(response.content)):
        raise AssertionError(f"the answer contains {found[0]!r}")
    if response.status_code >= 400 and case.method != "HEAD":
        assert list(response.json()) == ["message"], "an error with other keys than message"
    if response.status_code == 503:
        assert response.headers.get("retry-after"), "no Retry-After"
