"""The Swagger description of the model's routes: parameters, bodies and examples."""

from collections.abc import Callable
from copy import copy
from typing import Any, TypeVar, get_args

from flask_restx import Model, fields

from api.context import namespace
from core.types import Canvas, Precision

# The class of all examples; api.description.swagger replaces it where the served model has another one.
EXAMPLE_ID, EXAMPLE_LABEL, EXAMPLE_COLOUR = 15, "person", "#c08080"
Function = TypeVar("Function", bound=Callable[..., Any])


# Why a request that segments an image fails, by status; the message of the response says more.
ERRORS = {
    400: "Not an image, a damaged image, or a wrong field or parameter",
    401: "The API key of the service is missing or wrong",
    408: "The request was not received in time",
    413: "Too many bytes or pixels",
    414: "A URL of more than 4,000 characters",
    415: "An image format that is not served, or a compressed body",
    503: "Busy or not ready; try again after the seconds in Retry-After",
}
MESSAGE = fields.String(
    description="What is wrong, and how to fix it", example="size: 'huge' is not allowed; allowed: model, original"
)
error = namespace.model("Error", {"message": MESSAGE})
protocol_error = namespace.model("ProtocolError", {"error": MESSAGE})


def error_responses(model: Model) -> Callable[[Function], Function]:
    """Return a decorator that documents ERRORS as responses of a method, in the form `model`."""

    def decorate(method: Function) -> Function:
        for status, description in ERRORS.items():
            method = namespace.response(status, description, model)(method)
        return method

    return decorate


run_lengths = namespace.model(
    "RunLengths",
    {
        "size": fields.List(fields.Integer, description="Height and width, in pixels", example=[2, 3]),
        "counts": fields.String(description="COCO's compressed run-length encoding, for pycocotools", example="24"),
    },
)
segmented_object = namespace.model(
    "Object",
    {
        "id": fields.Integer(description="Class id", example=EXAMPLE_ID),
        "label": fields.String(description="Class name", example=EXAMPLE_LABEL),
        "score": fields.Float(
            description="Mean probability of the class over its pixels, 0 to 1; null if the graph hides its logits",
            example=0.93,
        ),
        "pixels": fields.Integer(description="Number of pixels of the class", example=4),
        "fraction": fields.Float(description="Their fraction of the picture, 0 to 1", example=0.6666666666666666),
        "bbox": fields.List(fields.Integer, description="x, y, width, height, in pixels", example=[1, 0, 2, 2]),
        "rle": fields.Nested(run_lengths, description="Run-length encoding of the pixels"),
        "polygons": fields.List(
            fields.List(fields.List(fields.List(fields.Float))),
            description="With shapes=polygons: polygons, each a list of rings, the outer one first, then its holes. A "
            "ring is a list of [x, y] in pixels; its last point is its first",
            example=[[[[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0], [1.0, 0.0]]]],
        ),
    },
)
HEAD = {
    "status": fields.String(required=True, example="ok"),
    "image_size": fields.List(
        fields.Integer, required=True, description="Width and height of the result", example=[3, 2]
    ),
}
# By output, if it is JSON.
RESULTS = {
    "map": namespace.model(
        "LabelMap",
        HEAD
        | {
            "seg_map": fields.List(
                fields.List(fields.Integer(min=0)),
                required=True,
                description="With output=map: rows of class ids (see /model/labels), top row first",
                example=[[0, EXAMPLE_ID, EXAMPLE_ID], [0, EXAMPLE_ID, EXAMPLE_ID]],
            )
        },
    ),
    "objects": namespace.model(
        "Objects",
        HEAD
        | {
            "objects": fields.List(
                fields.Nested(segmented_object),
                required=True,
                description="With output=objects: each class in the photo except background, largest area first",
            )
        },
    ),
    "coco": namespace.model(
        "CocoDataset",
        {
            name: fields.List(fields.Raw, required=True, description=f"With output=coco: {content}")
            for name, content in (
                ("images", "the photo"),
                ("annotations", "each class in the photo"),
                ("categories", "the classes of the model"),
            )
        },
    ),
}


def optional(field: fields.Raw) -> fields.Raw:
    """Return `field` for a model whose other members can come without it."""
    field = copy(field)
    field.required = False
    return field


# Swagger 2 allows one schema per status, whatever the parameters are: this one combines the JSON forms.
segmentation = namespace.model(
    "Segmentation", {name: optional(field) for model in RESULTS.values() for name, field in model.items()}
)
serving = namespace.model(
    "Serving",
    {
        "model_type": fields.String(example="mobile"),
        "backbone": fields.String(example="MobileNetV2"),
        "image_size": fields.Integer(description="Long side of the resized image, in pixels", example=513),
        "canvas": fields.String(enum=list(get_args(Canvas)), example="fit"),
        "precision": fields.String(enum=list(get_args(Precision)), example="float32"),
        "num_classes": fields.Integer(example=21),
        "graph_sha256": fields.String(description="SHA-256 of the frozen graph's file, in hexadecimal"),
    },
)
metadata = namespace.model(
    "Metadata",
    {
        "id": fields.String(description="Model identifier"),
        "name": fields.String(description="Model name"),
        "description": fields.String(description="Model description"),
        "type": fields.String(description="Model type"),
        "license": fields.String(description="Model license"),
        "source": fields.String(description="Model source"),
        "serving": fields.Nested(serving, description="The model that this service runs"),
    },
)
label = namespace.model(
    "Label",
    {
        "id": fields.Integer(description="Value in a map", example=EXAMPLE_ID),
        "name": fields.String(example=EXAMPLE_LABEL),
        "synonyms": fields.List(fields.String, description="Other names that people say; `classes` takes them too"),
        "color": fields.String(description="Its colour in masks and overlays, #rrggbb", example=EXAMPLE_COLOUR),
    },
)
