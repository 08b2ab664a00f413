"""What the handlers of several files share: the namespace of the model, and the model itself."""

from typing import cast

from flask import current_app
from flask_restx import Namespace

from core.model import ModelWrapper

namespace = Namespace("model", "Segment images, and learn about the model")


def current_model() -> ModelWrapper:
    """Return the model that the current application serves."""
    return cast(ModelWrapper, current_app.extensions["model"])
