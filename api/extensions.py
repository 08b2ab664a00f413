"""What the handlers of several files share: the namespace of the model, the model itself, and the counters."""

from typing import cast

from flask import current_app
from flask_restx import Namespace

from api.metrics import Metrics
from core.model import ModelWrapper

namespace = Namespace("model", "Segment images, and learn about the model")


def current_model() -> ModelWrapper:
    """Return the model that the current application serves."""
    return cast(ModelWrapper, current_app.extensions["model"])


def current_metrics() -> Metrics:
    """Return the counters of the current application."""
    return cast(Metrics, current_app.extensions["metrics"])
