"""The application factory; tests/service/ tests `python app.py`."""

from pathlib import Path

import pytest

from app import create_app
from config import Settings
from core.errors import ModelError
from core.weights.registry import Weights
from tests.support.service import TIMEOUT


def test_create_app_of_missing_graph_raises_error_with_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"python cli\.py fetch full"):
        create_app(Settings(model_type="full", model_cache=tmp_path))


def test_app_whose_model_fails_to_load_answers_but_is_not_ready(tmp_path: Path) -> None:
    app = create_app(Settings(), Weights("own", "unknown", tmp_path / "missing.pb", "0" * 64))
    with pytest.raises(ModelError, match=r"missing\.pb"):
        app.extensions["model"].loading.result(TIMEOUT)
    client = app.test_client()
    assert client.get("/model/labels").status_code == 200
    assert client.get("/health/ready").status_code == 503
