"""POST /model/predict: an image in, the class of every pixel out."""

from typing import Any

from flask import Response, request
from flask_restx import Resource, fields

from api.connection import waiting_client
from api.extensions import current_metrics, current_model, namespace
from api.uploads import contents, held
from core.output.encode import BODIES, JPEG, JSON, PNG, Body, chosen_body, default_output, respond
from core.errors import InvalidRequest
from core.image.decode import SERVED
from core.labels import class_ids
from core.output.segmentation import Segmentation

error = namespace.model(
    "Error",
    {
        "message": fields.String(
            description="What was wrong, and what to do about it",
            example="the image is empty (0 bytes); send the contents of an image file",
        )
    },
)
rle = namespace.model(
    "RunLengths",
    {
        "size": fields.List(fields.Integer, description="Height and width", example=[2, 3]),
        "counts": fields.String(description="COCO's compressed run lengths, as pycocotools reads them", example="24"),
    },
)
found = namespace.model(
    "Object",
    {
        "id": fields.Integer(description="The class id", example=15),
        "label": fields.String(description="Its name", example="person"),
        "pixels": fields.Integer(description="How many are of the class", example=4),
        "fraction": fields.Float(description="What share of the picture that is", example=0.6666666666666666),
        "bbox": fields.List(fields.Integer, description="x, y, width, height", example=[1, 0, 2, 2]),
        "rle": fields.Nested(rle, description="Which pixels"),
    },
)
# Swagger 2 has one schema for a status, whatever the parameters: this is both JSON forms in one.
answers = namespace.model(
    "Segmentation",
    {
        "status": fields.String(example="ok"),
        "image_size": fields.List(fields.Integer, description="Width and height of the map", example=[3, 2]),
        "seg_map": fields.List(
            fields.List(fields.Integer(min=0)),
            description="With output=map: rows of class ids (see /model/labels), top row first",
            example=[[0, 15, 15], [0, 15, 15]],
        ),
        "objects": fields.List(
            fields.Nested(found),
            description="With output=objects: each class present, largest first, background left out",
        ),
    },
)
RESULT = (
    "`map`: status, image_size and seg_map. `objects`: status, image_size and objects. "
    "`mask`, `overlay`, `cutout`: a picture of that size"
)

# Swagger's description of the query parameters, and what they are checked against.
PARAMETERS: dict[str, dict[str, Any]] = {
    "output": {
        "enum": list(BODIES),
        "description": "What comes back.\n"
        "- `map` (default): JSON, the class id of every pixel\n"
        "- `objects`: JSON, what is in the photo: each class's pixels, share, bounding box and COCO run lengths\n"
        "- `mask` (default where Accept asks for image/png and not for JSON): PNG, a pixel's value is its class id\n"
        "- `overlay`: PNG, or JPEG where Accept asks for it, the photo with the classes' colours over it\n"
        "- `cutout`: PNG, the photo where the classes are, transparent elsewhere",
    },
    "size": {
        "enum": ["model", "original"],
        "default": "model",
        "description": "Its size: `model`, that of the resized image, or `original`, that of the upright photo",
    },
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
    @namespace.produces([JSON, PNG, JPEG])
    @namespace.response(200, RESULT, answers)
    @namespace.response(400, "Not an image, a damaged one, or a wrong field or parameter", error)
    @namespace.response(408, "The request did not come whole in time", error)
    @namespace.response(413, "Too many bytes or pixels", error)
    @namespace.response(414, "A query of some thousand characters", error)
    @namespace.response(415, "An image format that is not served", error)
    @namespace.response(503, "Busy or not ready; try again after the seconds in Retry-After", error)
    def post(self) -> Response:
        """Segment an image"""
        represent = chosen_body(choice("output", default_output()))
        original = choice("size", "model") == "original"
        model = current_model()
        # Before the photo has been received, where there is no room for it.
        model.check()
        classes = request.args.get("classes")
        wanted = class_ids(classes, model.labels) if classes else None

        def finish(segmentation: Segmentation) -> Body:
            current_metrics().count_image(*segmentation.image_size)
            return represent(segmentation.only(wanted) if wanted else segmentation)

        body = model.segment(uploaded_image(), finish, original=original, wanted=waiting_client())
        return held(respond(body))


def choice(name: str, default: str) -> str:
    """Return the query parameter `name`, or `default`; raise InvalidRequest where its value is not allowed."""
    allowed = PARAMETERS[name]["enum"]
    value: str = request.args.get(name, default)
    if value not in allowed:
        raise InvalidRequest(f"{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")
    return value


def uploaded_image() -> bytes:
    """Return the bytes of the file in the form field `image`; raise InvalidRequest where there is none."""
    files = request.files.getlist("image")
    if len(files) > 1:
        raise InvalidRequest(f"the field 'image' has {len(files)} files; send one photo a request")
    if files:
        return contents(files[0])
    # A name that is not quoted as it should be comes as None.
    fields_ = [name or "without a name" for name in [*request.files, *request.form]]
    found = f"the field {', '.join(fields_)}" if fields_ else "no field"
    raise InvalidRequest(
        f"the file field 'image' is missing: found {found} in a body of type {request.mimetype or 'none'}; "
        "send multipart/form-data, as with: curl -F 'image=@photo.jpg'"
    )
