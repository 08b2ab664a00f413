"""POST /model/predict: an image in, the class of every pixel out."""

from typing import cast

from flask import Response, request
from flask_restx import Resource

from api.connection import connection_check
from api.extensions import current_metrics, current_model, namespace
from api.negotiation import default_output, encoder_for, respond
from api.schemas import IMAGE, PARAMETERS, RESULT, error, segmentation
from api.uploads import uploaded_image
from core.errors import InvalidRequest
from core.labels import class_ids
from core.output.encode import JPEG, JSON, PNG
from core.types import Size


@namespace.route("/predict")
class Predict(Resource):
    @namespace.doc("predict", params={**PARAMETERS, "image": IMAGE}, consumes=["multipart/form-data"])
    @namespace.produces([JSON, PNG, JPEG])
    @namespace.response(200, RESULT, segmentation)
    @namespace.response(400, "Not an image, a damaged image, or a wrong field or parameter", error)
    @namespace.response(408, "The request was not received in time", error)
    @namespace.response(413, "Too many bytes or pixels", error)
    @namespace.response(414, "A query of more than 4,000 characters", error)
    @namespace.response(415, "An image format that is not served", error)
    @namespace.response(503, "Busy or not ready; try again after the seconds in Retry-After", error)
    def post(self) -> Response:
        """Segment an image"""
        encode = encoder_for(choice("output", default_output()))
        size = cast(Size, choice("size", "model"))
        model = current_model()
        names = request.args.get("classes")
        classes = class_ids(names, model.labels) if names else ()
        encoded = model.segment(uploaded_image(), encode, size=size, classes=classes, is_connected=connection_check())
        current_metrics().count_image(*encoded.image_size)
        return respond(encoded)


def choice(name: str, default: str) -> str:
    """Return the query parameter `name`, or `default`. Raises InvalidRequest if its value is not allowed."""
    allowed = PARAMETERS[name]["enum"]
    value: str = request.args.get(name, default)
    if value not in allowed:
        raise InvalidRequest(f"{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")
    return value
