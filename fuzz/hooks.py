"""What schemathesis is told beside the Swagger description: what photos look like, and what holds for every answer."""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from fuzz.seeds import seeds

SEEDS = sorted(seeds().values())
# What would tell of the machine or the code: a traceback, a file of Python's, a folder.
TELLTALE = re.compile(rb'Traceback|File "|\.py\b|site-packages|/(?:usr|home|root|tmp|opt|var|etc)/')


def photos() -> st.SearchStrategy[bytes]:
    """Return good files, cut ones, ones with a piece replaced, and anything at all."""

    def damaged(data: bytes) -> st.SearchStrategy[bytes]:
        place = st.integers(0, len(data))
        return st.builds(lambda at, piece: data[:at] + piece + data[at + len(piece) :], place, st.binary(max_size=8))

    good = st.sampled_from(SEEDS)
    cut = good.flatmap(lambda data: st.integers(0, len(data)).map(lambda end: data[:end]))
    return st.one_of(good, good, cut, good.flatmap(damaged), st.binary(max_size=64))


@schemathesis.hook
def flatmap_body(_context: schemathesis.HookContext, body: Any) -> st.SearchStrategy[Any]:
    """Put a photo in the field of the photo, where there is one; schemathesis by itself knows only random bytes."""
    if not isinstance(body, dict) or "image" not in body:
        return st.just(body)
    return photos().map(lambda photo: {**body, "image": photo})


@schemathesis.check
def every_answer(_context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Raise AssertionError where an answer is not in the service's one form, or tells of what is behind it."""
    assert response.headers.get("x-request-id"), "no X-Request-ID"
    assert response.headers.get("x-content-type-options") == ["nosniff"], "no X-Content-Type-Options"
    assert response.headers.get("content-security-policy"), "no Content-Security-Policy"
    is_text = response.headers.get("content-type", [""])[0].startswith(("application/json", "text/"))
    if is_text and (found := TELLTALE.search(response.content)):
        raise AssertionError(f"it tells {found[0]!r}")
    if response.status_code >= 400 and case.method != "HEAD":
        assert list(response.json()) == ["message"], "an error that is not exactly a message"
    if response.status_code == 503:
        assert response.headers.get("retry-after"), "no Retry-After"
