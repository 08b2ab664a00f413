"""GET /model/metadata and GET /model/labels: what is served, and what the ids in a map mean."""

from typing import Any

from flask_restx import Resource, fields

from api.extensions import current_model, namespace

serving = namespace.model(
    "Serving",
    {
        "model_type": fields.String(example="mobile"),
        "backbone": fields.String(example="MobileNetV2"),
        "image_size": fields.Integer(description="Long side of the resized image, in pixels", example=513),
        "canvas": fields.String(enum=["fit", "fixed"], example="fit"),
        "precision": fields.String(enum=["float32", "bfloat16"], example="float32"),
        "num_classes": fields.Integer(example=21),
        "graph_sha256": fields.String(description="SHA-256 of the frozen graph's file, in hex"),
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
        "serving": fields.Nested(serving, description="What this service runs"),
    },
)
label = namespace.model(
    "Label",
    {"id": fields.Integer(description="The value in a map", example=15), "name": fields.String(example="person")},
)


@namespace.route("/metadata")
class Metadata(Resource):
    @namespace.doc("metadata")
    @namespace.response(200, "The model", metadata)
    def get(self) -> dict[str, Any]:
        """Describe the model and how it is served"""
        return current_model().metadata


@namespace.route("/labels")
class Labels(Resource):
    @namespace.doc("labels")
    @namespace.response(200, "The classes, by id", [label])
    def get(self) -> list[dict[str, Any]]:
        """List the classes"""
        return [{"id": class_, "name": name} for class_, name in enumerate(current_model().labels)]
