"""Bad bodies in each protocol get a 400 or 415 whose message names the fault, and good ones of all forms a result."""

import json

import pytest
from werkzeug.test import Client

from tests.support.bad_bodies import ERROR_KEYS, GOOD, Bad, bad_bodies


@pytest.mark.parametrize(
    ("path", "bad"), [pytest.param(path, bad, id=f"{path}: {name}") for path, name, bad in bad_bodies()]
)
def test_bad_body_returns_its_error(client: Client, path: str, bad: Bad) -> None:
    headers, body, status, part = bad
    response = client.post(path, data=body, headers=headers)
    assert response.status_code == status
    [(key, message)] = json.loads(response.data).items()
    assert key == ERROR_KEYS[path]
    assert part in message
    assert len(message) < 600


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_good_body_returns_200(client: Client, number: int) -> None:
    path, headers, body = GOOD[number]
    assert client.post(path, data=body, headers=headers).status_code == 200
