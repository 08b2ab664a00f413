"""Objects that the handlers share: the namespace of the model, and the objects of the current application."""

from typing import cast

from flask import current_app
from flask_restx import Namespace

from api.connection import connection_check
from api.metrics import Metrics
from api.negotiation import compressing
from core.model import ModelWrapper
from core.output.encode import Encoded, Encoder
from core.types import Options

namespace = Namespace("model", "Segment images, and learn about the model")


def current_model() -> ModelWrapper:
    """Return the model of the current application."""
    return cast(ModelWrapper, current_app.extensions["model"])


def current_metrics() -> Metrics:
    """Return the metrics of the current application."""
    return cast(Metrics, current_app.extensions["metrics"])


def segmented(photo: bytes, encode: Encoder, options: Options) -> Encoded:
    """Return the segmentation of the image file in `photo`, unless the client disconnects before, and count it.

    Raises SegmenterError, as ModelWrapper.segment().
    """
    encoded = current_model().segment(photo, compressing(encode), options, is_connected=connection_check())
    current_metrics().count_image(*encoded.image_size)
    return encoded
