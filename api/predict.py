"""POST /model/predict: an image in, the class of every pixel out."""

from typing import Any

from flask import Response, request
from flask_restx import Resource, fields

from api.context import current_model, namespace
from api.responses import map_response
from core.errors import InvalidRequest
from core.image import SERVED
from core.labels import class_ids

error = namespace.model("Error", {"message": fields.String(description="What was wrong, and what to do about it")})
seg_map = namespace.model(
    "SegMap",
    {
        "status": fields.String(example="ok"),
        "image_size": fields.List(fields.Integer, description="Width and height of the map", example=[3, 2]),
        "seg_map": fields.List(
            fields.List(fields.Integer(min=0)),
            description="Rows of class ids (see /model/labels), top row first",
            example=[[0, 15, 15], [0, 15, 15]],
        ),
    },
)

# Swagger's description of the query parameters, and what they are checked against.
PARAMETERS: dict[str, dict[str, Any]] = {
    "output": {"enum": ["map"], "default": "map", "description": "What comes back: `map`, the class id of every pixel"},
    "size": {"enum": ["model"], "default": "model", "description": "Its size: `model`, that of the resized image"},
    "classes": {
        "type": "string",
        "description": "Only these count, the rest is background: names or ids of /model/labels, separated by commas. "
        "All by default.",
    },
}
IMAGE = {
    "in": "formData",
    "type": "file",
    "required": True,
    "description": f"The photo: {SERVED}. Upright by its EXIF orientation; of an animation, the first frame.",
}


@namespace.route("/predict")
class Predict(Resource):
    @namespace.doc("predict", params={**PARAMETERS, "image": IMAGE}, consumes=["multipart/form-data"])
    @namespace.response(200, "The class of every pixel of the resized image", seg_map)
    @namespace.response(400, "Not an image, a damaged one, or a wrong field or parameter", error)
    @namespace.response(413, "Too many bytes or pixels", error)
    @namespace.response(415, "An image format that is not served", error)
    @namespace.response(503, "Busy or not ready; try again after the seconds in Retry-After", error)
    def post(self) -> Response:
        """Segment an image"""
        choice("output")
        choice("size")
        model = current_model()
        classes = request.args.get("classes")
        wanted = class_ids(classes, model.labels) if classes else None
        segmentation = model.segment(uploaded_image())
        return map_response(segmentation.only(wanted) if wanted else segmentation)


def choice(name: str) -> str:
    """Return the query parameter `name`, or its default; raise InvalidRequest where its value is not allowed."""
    allowed = PARAMETERS[name]["enum"]
    value: str = request.args.get(name, PARAMETERS[name]["default"])
    if value not in allowed:
        raise InvalidRequest(f"{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")
    return value


def uploaded_image() -> bytes:
    """Return the bytes of the file in the form field `image`; raise InvalidRequest where there is none."""
    if file := request.files.get("image"):
        data: bytes = file.read()
        return data
    found = f"the field {', '.join([*request.files, *request.form])}" if request.files or request.form else "no field"
    raise InvalidRequest(
        f"the file field 'image' is missing: found {found} in a body of type {request.mimetype or 'none'}; "
        "send multipart/form-data, as with: curl -F 'image=@photo.jpg'"
    )
