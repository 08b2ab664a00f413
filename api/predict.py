"""POST /model/predict: an image in, the class of every pixel out."""

import math
import re
from functools import partial
from typing import Any, cast

from flask import Response, request
from flask_restx import Resource

from api.connection import connection_check
from api.extensions import current_metrics, current_model, namespace
from api.negotiation import default_output, encoder_for, respond
from api.schemas import IMAGE, PARAMETERS, RESULT, error, segmentation
from api.uploads import uploaded_image
from core.errors import InvalidRequest
from core.labels import class_ids
from core.output.encode import JPEG, JSON, PNG, WEBP
from core.types import Edges, Options, Size

BACKGROUNDS = ("transparent", "blur", "white")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@namespace.route("/predict")
class Predict(Resource):
    @namespace.doc("predict", params={**PARAMETERS, "image": IMAGE}, consumes=["multipart/form-data"])
    @namespace.produces([JSON, PNG, JPEG, WEBP])
    @namespace.response(200, RESULT, segmentation)
    @namespace.response(400, "Not an image, a damaged image, or a wrong field or parameter", error)
    @namespace.response(408, "The request was not received in time", error)
    @namespace.response(413, "Too many bytes or pixels", error)
    @namespace.response(414, "A query of more than 4,000 characters", error)
    @namespace.response(415, "An image format that is not served", error)
    @namespace.response(503, "Busy or not ready; try again after the seconds in Retry-After", error)
    def post(self) -> Response:
        """Segment an image"""
        output = choice("output", default_output())
        encode = encoder_for(output)
        if options_of_encoder := encoder_options().get(output):
            encode = partial(encode, **options_of_encoder)
        model = current_model()
        names = request.args.get("classes")
        options = Options(
            size=cast(Size, choice("size", "model")),
            edges=cast(Edges, choice("edges", "")) or None,
            classes=class_ids(names, model.labels) if names else (),
            min_score=number("min_score"),
        )
        encoded = model.segment(uploaded_image(), encode, options, is_connected=connection_check())
        current_metrics().count_image(*encoded.image_size)
        return respond(encoded)


def choice(name: str, default: str) -> str:
    """Return the query parameter `name`, or `default`. Raises InvalidRequest if its value is not allowed."""
    allowed = PARAMETERS[name]["enum"]
    value: str = request.args.get(name, default)
    if value != default and value not in allowed:
        raise InvalidRequest(f"{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")
    return value


def encoder_options() -> dict[str, dict[str, Any]]:
    """Return the options in the query for the encoder of each output. Raises InvalidRequest."""
    cutout = {
        "alpha": choice("alpha", "soft"),
        "background": background("background"),
        "crop": choice("crop", "false") == "true",
    }
    objects = {"tolerance": number("tolerance") if choice("shapes", "rle") == "polygons" else None}
    return {"cutout": cutout, "objects": objects}


def background(name: str) -> str:
    """Return the query parameter `name`, a word or a colour. Raises InvalidRequest for any other value."""
    value = request.args.get(name, "transparent")
    if value not in BACKGROUNDS and not COLOUR.fullmatch(value):
        raise InvalidRequest(f"{name}: {value!r} is not allowed; allowed: {', '.join(BACKGROUNDS)}, or #rrggbb")
    return value


def number(name: str) -> float:
    """Return the query parameter `name`. Raises InvalidRequest unless it is a number from 0 to its maximum."""
    maximum: float = PARAMETERS[name]["maximum"]
    text = request.args.get(name, str(PARAMETERS[name]["default"]))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= maximum:
        raise InvalidRequest(f"{name}: {text!r} is not allowed; allowed: a number from 0 to {maximum:g}")
    return value
