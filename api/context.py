"""What the handlers of a request share: the application's objects, the connection, and the segmentation itself."""

from collections.abc import Callable
from typing import cast

from flask import current_app, request
from flask_restx import Namespace

from api.metrics import Metrics
from api.negotiation import compressing
from core.model import ModelWrapper
from core.output.encode import Encoded, Encoder
from core.types import Options

# The variable of the WSGI environment that holds the Connection.
CONNECTION = "segmenter.connection"

namespace = Namespace("model", "Segment images, and learn about the model")


class Connection:
    """The connection of a request. The server sets `disconnected` when the client disconnects.

    A client that has closed only its sending side counts as disconnected, as it does for nginx.
    """

    disconnected = False


def connection_check() -> Callable[[], bool]:
    """Return a function that tells, from any thread, whether the client of the current request is still connected.

    It always is, if the server tells nothing about it.
    """
    connection = cast(Connection, request.environ.get(CONNECTION, Connection()))
    return lambda: not connection.disconnected


def current_model() -> ModelWrapper:
    """Return the model of the current application."""
    return cast(ModelWrapper, current_app.extensions["model"])


def segmented(upload: bytes, encode: Encoder, options: Options) -> Encoded:
    """Return the segmentation of the image file in `upload`, unless the client disconnects before, and count it.

    Raises SegmenterError, as ModelWrapper.segment().
    """
    encoded = current_model().segment(upload, compressing(encode), options, is_connected=connection_check())
    cast(Metrics, current_app.extensions["metrics"]).count_image(*encoded.width_height)
    return encoded
