"""The API key, CORS, and the security headers of responses."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.security import is_key
from tests.support.application import application, predict
from tests.support.http_client import upload

KEY, ORIGIN = "kéy", "https://a.example"
# WSGI decodes the bytes of a header, UTF-8 here, as Latin-1.
HEADER = KEY.encode().decode("latin-1")


@pytest.fixture(scope="module")
def guarded(app: Flask) -> FlaskClient:
    """A client of an application with an API key, and CORS for one origin."""
    settings = {"api_key": KEY, "cors_enable": True, "cors_origins": (ORIGIN,)}
    return application(app.extensions["model"], **settings).test_client()


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}], ids=["without key", "wrong key"])
def test_request_to_model_without_right_key_returns_401(guarded: FlaskClient, headers: dict[str, str]) -> None:
    response = guarded.get("/model/labels", headers=headers)
    assert response.status_code == 401
    assert "X-API-Key" in response.get_json()["message"]
    assert predict(guarded, headers=headers).status_code == 401


def test_request_to_model_with_right_key_returns_200(guarded: FlaskClient) -> None:
    assert guarded.get("/model/labels", headers={"X-API-Key": HEADER}).status_code == 200


@pytest.mark.parametrize("path", ["/health/ready", "/health/live", "/metrics", "/demo", "/"])
def test_request_outside_model_needs_no_key(guarded: FlaskClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_is_key_compares_whole_key() -> None:
    assert is_key(HEADER, KEY)
    for given in ("", KEY, HEADER[:-1], f"{HEADER} "):
        assert not is_key(given, KEY)


@pytest.mark.parametrize("path", ["/health/live", "/nope", "/model/labels"])
def test_cors_header_is_sent_to_listed_origins_only_and_with_errors_too(guarded: FlaskClient, path: str) -> None:
    listed = guarded.get(path, headers={"Origin": ORIGIN})
    other = guarded.get(path, headers={"Origin": "https://b.example"})
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in other.headers


def test_cors_header_by_default_is_not_sent(client: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/health/live", headers={"Origin": ORIGIN}).headers


def test_cors_preflight_needs_no_key(guarded: FlaskClient) -> None:
    response = guarded.options(
        "/model/predict",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "X-API-Key",
        },
    )
    assert response.status_code == 200
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "X-API-Key"


@pytest.mark.parametrize(
    "path", ["/", "/swagger.json", "/demo", "/health/live", "/metrics", "/model/labels", "/nope", "/model/predict"]
)
def test_response_at_any_path_has_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("script-src" in policy) == (path in ("/", "/demo"))


def test_response_of_predict_may_not_be_cached(client: FlaskClient) -> None:
    assert predict(client).headers["Cache-Control"] == "no-store"
    assert client.post("/model/predict", **upload(b"")).headers["Cache-Control"] == "no-store"
