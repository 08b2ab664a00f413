"""The API key, CORS, and the security headers of responses."""

import pytest
from flask import Flask
from werkzeug import Response
from werkzeug.exceptions import Unauthorized
from werkzeug.test import Client

from api.security import add_cors_headers, check_key
from config import Settings
from tests.support.application import application, gated, predict
from tests.support.http_client import upload

KEY, ORIGIN = "kéy", "https://a.example"
# WSGI decodes the bytes of a header, UTF-8 here, as Latin-1.
HEADER = KEY.encode().decode("latin-1")


@pytest.fixture(scope="module")
def guarded(app: Flask) -> Client:
    """A client of an application with an API key, and CORS for one origin."""
    settings = {"api_key": KEY, "cors_enable": True, "cors_origins": (ORIGIN,)}
    return gated(application(app.extensions["model"], **settings), **settings)


@pytest.mark.parametrize("path", ["/health/ready", "/health/live", "/metrics", "/demo", "/"])
def test_request_outside_model_needs_no_key(guarded: Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_check_key_compares_whole_key() -> None:
    check_key({"HTTP_X_API_KEY": HEADER}, KEY)
    check_key({"HTTP_AUTHORIZATION": f"bearer  {HEADER}"}, KEY)
    check_key({"HTTP_X_API_KEY": "anything"}, "")
    check_key({}, "")
    for given in ("", KEY, HEADER[:-1], f"{HEADER} "):
        for environ in ({"HTTP_X_API_KEY": given}, {"HTTP_AUTHORIZATION": f"Bearer {given}"}):
            with pytest.raises(Unauthorized, match="X-API-Key is missing or wrong"):
                check_key(environ, KEY)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_AUTHORIZATION": f"Basic {HEADER}"},
        {"HTTP_AUTHORIZATION": HEADER},
        # A wrong key in our own header is not made good by another one.
        {"HTTP_X_API_KEY": "wrong", "HTTP_AUTHORIZATION": f"Bearer {HEADER}"},
    ],
)
def test_check_key_with_other_authorization_raises_unauthorized(environ: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        check_key(environ, KEY)


def test_application_without_its_server_requires_key(app: Flask) -> None:
    client = application(app.extensions["model"], api_key=KEY).test_client()
    assert client.get("/model/labels").status_code == 401
    assert client.get("/model/labels", headers={"X-API-Key": HEADER}).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/nope", "/model/labels"])
def test_cors_header_is_sent_to_listed_origins_only_and_with_errors_too(guarded: Client, path: str) -> None:
    listed = guarded.get(path, headers={"Origin": ORIGIN})
    other = guarded.get(path, headers={"Origin": "https://b.example"})
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in other.headers


def test_cors_header_by_default_is_not_sent(client: Client) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/health/live", headers={"Origin": ORIGIN}).headers


@pytest.mark.parametrize("origins", [(ORIGIN,), ("https://c.example", ORIGIN), ("*",)])
@pytest.mark.parametrize("origin", [ORIGIN, "https://b.example", ""])
def test_cors_headers_follow_the_allowed_origins(origins: tuple[str, ...], origin: str) -> None:
    response = Response(headers={"Vary": "Accept"})
    environ = {"REQUEST_METHOD": "GET"} | ({"HTTP_ORIGIN": origin} if origin else {})
    add_cors_headers(response, environ, Settings(cors_enable=True, cors_origins=origins))
    is_allowed = origin == ORIGIN or (bool(origin) and origins == ("*",))
    assert response.headers.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)
    assert ("Access-Control-Expose-Headers" in response.headers) == is_allowed
    assert {*response.vary} == {"Accept", "Origin"}


def test_cors_headers_are_sent_with_response_of_gate(guarded: Client) -> None:
    response = guarded.post("/model/predict", headers={"Origin": ORIGIN})
    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Retry-After", "X-Request-ID", "Inference-Header-Content-Length"} <= {*exposed}


def test_cors_preflight_needs_no_key(guarded: Client) -> None:
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
def test_response_at_any_path_has_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("script-src" in policy) == (path in ("/", "/demo"))


def test_response_of_predict_may_not_be_cached(client: Client) -> None:
    assert predict(client).headers["Cache-Control"] == "no-store"
    assert client.post("/model/predict", **upload(b"")).headers["Cache-Control"] == "no-store"
