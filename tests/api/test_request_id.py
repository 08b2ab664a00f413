"""The id of a request: the client's own, or a new one."""

import re

import pytest
from flask.testing import FlaskClient

from api.request_id import new_id


def test_responses_without_client_id_have_different_ids(client: FlaskClient) -> None:
    paths = ("/health/live", "/nope", "/model/predict", "/")
    ids = {client.get(path).headers["X-Request-ID"] for path in paths}
    assert len(ids) == len(paths)


@pytest.mark.parametrize("given", ["7f3b", "trace:1/2+a=b.c_d-e", "a" * 128])
def test_response_to_valid_client_id_has_this_id(client: FlaskClient, given: str) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "a\x1b[31m", '"', "a" * 129, "é"])
def test_response_to_invalid_client_id_has_new_id(client: FlaskClient, given: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_new_id_has_32_hexadecimal_digits_and_is_random() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", id_) for id_ in ids)
