"""Objects that the handlers share: the namespace of the model, and the objects of the current application."""

from typing import cast

from flask import current_app
from flask_restx import Namespace

from api.metrics import Metrics
from core.model import ModelWrapper

namespace = Namespace("model", "Segment images, and learn about the model")


def current_model() -> ModelWrapper:
    """Return the model of the current application."""
    return cast(ModelWrapper, current_app.extensions["model"])


def current_metrics() -> Metrics:
    """Return the metrics of the current application."""
    return cast(Metrics, current_app.extensions["metrics"])
