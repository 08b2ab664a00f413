"""POST /hf/image-segmentation: the task image-segmentation of Hugging Face's inference clients.

The forms are those of huggingface_hub's InferenceClient.image_segmentation(): the photo alone, or JSON with `inputs` in
base64 and `parameters`.
"""

from functools import partial
from typing import Any

from flask import Response
from flask_restx import Namespace, Resource, fields

from api.bodies import read_either
from api.bodies.json import object_in, shown, text_in
from api.bodies.text import upload_in_base64
from api.context import segmented
from api.description.schemas import EXAMPLE_LABEL, error_responses, protocol_error
from api.negotiation import respond
from api.parameters import check_names, parsed
from api.protocols import segmenting
from core.errors import InvalidRequest
from core.kinds import Number
from core.output.class_masks import encode_class_masks
from core.types import Options

namespace = Namespace("hf", "The task image-segmentation, as Hugging Face's clients speak it")
# By what a mask is for: a class, or a connected region of one, without background.
TASKS = ("semantic", "instance")
# The probabilities of the task, and what they do here. The masks of classes never overlap.
THRESHOLDS = {
    "threshold": "Classes with a lower score become background",
    "mask_threshold": "Pixels at which the model is less sure are left out of the masks",
    "overlap_mask_area_threshold": "Without effect: the masks do not overlap",
}

parameters_model = namespace.model(
    "ImageSegmentationParameters",
    {"subtask": fields.String(enum=list(TASKS))}
    | {name: fields.Float(min=0, max=1, description=text) for name, text in THRESHOLDS.items()},
)
request_model = namespace.model(
    "ImageSegmentationRequest",
    {
        "inputs": fields.String(required=True, description="The file of the photo, in base64"),
        "parameters": fields.Nested(parameters_model),
    },
)
element = namespace.model(
    "ImageSegmentationElement",
    {
        "score": fields.Float(description="As in `objects`; null if the graph hides its logits", example=0.93),
        "label": fields.String(example=EXAMPLE_LABEL),
        "mask": fields.String(description="A grey PNG of the size of the photo, 0 or 255, in base64"),
    },
)


@namespace.route("/image-segmentation")
@segmenting
class ImageSegmentation(Resource):
    @namespace.doc("image_segmentation")
    @namespace.expect(request_model)
    @namespace.response(200, "Each class in the photo, background included, or each connected region", [element])
    @error_responses(protocol_error)
    def post(self) -> Response:
        """Segment an image into a mask for each class, or for each connected region of one

        The photo is the whole body, a form, or base64 in JSON as `inputs`, with `parameters` beside it.
        """
        upload, parameters = read_request()
        check_names(parameters, (*THRESHOLDS, "subtask"))
        if parameters.get("subtask") not in (None, *TASKS):
            raise InvalidRequest(
                f"subtask: {shown(parameters['subtask'])!r} is not supported; allowed: {', '.join(TASKS)}"
            )
        minimum = {name: probability(name, parameters.get(name)) for name in THRESHOLDS}
        encode = partial(encode_class_masks, threshold=minimum["mask_threshold"])
        is_instance = parameters.get("subtask") == "instance"
        options = Options(size="original", min_score=minimum["threshold"], pieces=is_instance)
        return respond(segmented(upload, encode, options))


def read_request() -> tuple[bytes, dict[str, Any]]:
    """Return the photo and the `parameters` of the current request. Raises InvalidRequest, as read_contents()."""

    def from_json(document: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        upload = upload_in_base64("inputs", document.get("inputs"))
        return upload, object_in("parameters", document.get("parameters"))

    return read_either(lambda contents: (contents.upload, {}), from_json)


def probability(name: str, value: Any) -> float:
    """Return `value`, a number from 0 to 1, or 0 if it is None. Raises InvalidRequest, which names `name`."""
    return 0.0 if value is None else parsed(name, text_in(name, value), Number(1))
