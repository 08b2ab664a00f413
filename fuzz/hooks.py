"""Hooks of schemathesis: photos for the image field, and a check of every answer."""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from api.protocols import protocol_of
from fuzz.seeds import seeds
from tests.support.images import base64_of

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
    """Put a photo into the place for it, if there is one; schemathesis itself generates only random bytes."""
    if not isinstance(body, dict):
        return st.just(body)
    if "image" in body:
        # In a form; in JSON it is text.
        is_text = isinstance(body["image"], str)
        return photos().map(lambda photo: {**body, "image": base64_of(photo) if is_text else photo})
    if "inputs" in body:
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
        if isinstance(body["inputs"], str):
            return photos().map(lambda photo: {**body, "inputs": base64_of(photo)})
        return photos().map(lambda photo: {**body, "inputs": [{**tensor, "data": [base64_of(photo)]}]})
    return st.just(body)


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
        key = protocol_of(case.path).error
        assert list(response.json()) == [key], f"an error with other keys than {key}"
    if response.status_code == 503:
        assert response.headers.get("retry-after"), "no Retry-After"
