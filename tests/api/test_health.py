"""The probes /health/live and /health/ready."""

import pytest
from flask import Flask
from werkzeug.test import Client

from core.model import ModelWrapper


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_of_ready_model_returns_ok(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_health_of_loading_model_is_live_and_not_ready(loading_app: Flask) -> None:
    client = loading_app.test_client()
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json() == {"message": "the model is still loading"}


def test_health_of_broken_session_is_live_and_says_why_it_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelWrapper, "broken", "the session fails at every image")
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json() == {"message": "the session fails at every image"}


def test_health_of_stopping_service_is_live_and_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["model"], "stopping", True)
    assert app.test_client().get("/health/live").status_code == 200
    response = app.test_client().get("/health/ready")
    assert (response.status_code, response.get_json()) == (503, {"message": "the service is stopping"})
