"""The Swagger description of the model's routes: parameters, bodies and examples."""

from typing import Any, get_args

from flask_restx import fields

from api.extensions import namespace
from core.image.formats import FORMAT_LIST
from core.output.encode import ENCODERS
from core.types import Alpha, Canvas, Edges, Precision, Size

error = namespace.model(
    "Error",
    {
        "message": fields.String(
            description="What is wrong, and how to fix it",
            example="the image is empty (0 bytes); send the contents of an image file",
        )
    },
)
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
        "id": fields.Integer(description="Class id", example=15),
        "label": fields.String(description="Class name", example="person"),
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
# Swagger 2 allows one schema per status, whatever the parameters are: this one combines the JSON forms.
segmentation = namespace.model(
    "Segmentation",
    {
        "status": fields.String(example="ok"),
        "image_size": fields.List(fields.Integer, description="Width and height of the result", example=[3, 2]),
        "seg_map": fields.List(
            fields.List(fields.Integer(min=0)),
            description="With output=map: rows of class ids (see /model/labels), top row first",
            example=[[0, 15, 15], [0, 15, 15]],
        ),
        "objects": fields.List(
            fields.Nested(segmented_object),
            description="With output=objects: each class in the photo except background, largest area first",
        ),
        "images": fields.List(fields.Raw, description="With output=coco: the photo"),
        "annotations": fields.List(fields.Raw, description="With output=coco: each class in the photo"),
        "categories": fields.List(fields.Raw, description="With output=coco: the classes of the model"),
    },
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
    {"id": fields.Integer(description="Value in a map", example=15), "name": fields.String(example="person")},
)

# The query parameters of POST /model/predict: documented by Swagger and checked by api.predict.
PARAMETERS: dict[str, dict[str, Any]] = {
    "output": {
        "enum": list(ENCODERS),
        "description": "The representation of the result.\n"
        "- `map` (default): JSON, the class id of every pixel\n"
        "- `objects`: JSON, the pixels, fraction, bounding box and COCO run-length encoding of each class\n"
        "- `mask` (default if Accept has image/png and not JSON): PNG, a pixel's value is its class id\n"
        "- `overlay`: PNG, or JPEG if Accept prefers it, the photo blended with the colours of the classes\n"
        "- `cutout`: PNG, or WebP if Accept prefers it, the photo without its background\n"
        "- `confidence`: grey PNG, 255 times the largest probability of a class at each pixel\n"
        "- `coco`: JSON in COCO's format of instances, for pycocotools",
    },
    "size": {
        "enum": list(get_args(Size)),
        "default": "model",
        "description": "The size of the result: `model`, that of the resized image, or `original`, that of the "
        "upright photo",
    },
    "edges": {
        "enum": list(get_args(Edges)),
        "description": "The edges of objects: `photo`, which follow the colours of the photo (default with "
        "size=original), or `model`, which are smooth (default with size=model)",
    },
    "min_score": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0,
        "description": "Classes whose score, the mean probability of their pixels, is lower become background",
    },
    "alpha": {
        "enum": list(get_args(Alpha)),
        "default": "soft",
        "description": "The edges of a `cutout`: `soft` follow the photo, without the colours of its background; "
        "`hard` are opaque or transparent",
    },
    "background": {
        "type": "string",
        "default": "transparent",
        "description": "What is behind a `cutout`: `transparent`, `blur` (the blurred photo), `white` or a colour, "
        "`#rrggbb` (in a URL `%23rrggbb`)",
    },
    "crop": {
        "enum": ["true", "false"],
        "default": "false",
        "description": "Whether a `cutout` is cropped to the objects",
    },
    "shapes": {
        "enum": ["rle", "polygons"],
        "default": "rle",
        "description": "The shapes of `objects`: run-length encodings alone, or polygons too",
    },
    "tolerance": {
        "type": "number",
        "minimum": 0,
        "maximum": 100,
        "default": 1,
        "description": "How far simplifying moves the outline of a polygon at most, in pixels",
    },
    "classes": {
        "type": "string",
        "description": "Keep only these classes; the rest becomes background. Names or ids of /model/labels, "
        "separated by commas. Default: all.",
    },
}
IMAGE = {
    "in": "formData",
    "type": "file",
    "required": True,
    "description": f"The photo: {FORMAT_LIST}. The EXIF orientation is applied. Of an animation, the first frame is "
    "segmented.",
}
RESULT = (
    "`map`: status, image_size and seg_map. `objects`: status, image_size and objects. `coco`: images, annotations and "
    "categories. "
    "`mask`, `overlay`, `cutout`, `confidence`: a picture of that size"
)
