"""Fixtures of the tests of server."""

from collections.abc import Iterator

import pytest

from tests.support.connection_pair import Pair, connected_pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection in this process."""
    with connected_pair() as pair:
        yield pair
