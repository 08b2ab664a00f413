"""The Open Inference Protocol V2 at /v2, as the clients of Triton and KServe speak it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, request
from flask_restx import Resource

from api.bodies import BINARY, read_body
from api.bodies.json import values_in
from api.bodies.text import DECODING
from api.context import current_model, segmented
from api.description.open_inference import (
    OUTPUTS,
    PLATFORM,
    infer_model,
    live_model,
    metadata_model,
    model_ready_model,
    models_model,
    namespace,
    ready_model,
    request_model,
    server_model,
)
from api.description.schemas import error_responses, protocol_error
from api.health import LOADING, check_ready
from api.negotiation import respond
from api.parameters import Parameters, check_names
from api.protocols import MODEL, VERSION, segmenting
from api.protocols.tensors import EXTENSION, HEADER, INPUT, InferRequest, Tensor, infer_response, read_request
from core.output.encode import JSON, Encoded, Encoder, encode_mask
from core.output.segmentation import Segmentation
from core.parameters import encoder
from segmenter import __version__

ADDRESS = f"/models/{MODEL}"
VERSIONED = f"{ADDRESS}/versions/{VERSION}"  # the same, and not described again


@namespace.route("")
class Server(Resource):
    @namespace.doc("server_metadata")
    @namespace.response(200, "The server", server_model)
    def get(self) -> dict[str, Any]:
        """Describe the server

        Its name, its version, and the extensions of the protocol that it serves. It needs no API key.
        """
        return {"name": MODEL, "version": __version__, "extensions": [EXTENSION]}


@namespace.route("/health/live")
class Live(Resource):
    @namespace.doc("server_live")
    @namespace.response(200, "The process answers", live_model)
    def get(self) -> dict[str, bool]:
        """Tell whether the process is alive

        As /health/live, in the form of this protocol.
        """
        return {"live": True}


@namespace.route("/health/ready")
class Ready(Resource):
    @namespace.doc("server_ready")
    @namespace.response(200, "The model has passed its warm-up inference", ready_model)
    @namespace.response(503, LOADING, protocol_error)
    def get(self) -> dict[str, bool]:
        """Tell whether images can be segmented

        As /health/ready, in the form of this protocol.
        """
        check_ready()
        return {"ready": True}


@namespace.route("/models")
class Models(Resource):
    @namespace.doc("models")
    @namespace.response(200, "The names of the models", models_model)
    def get(self) -> dict[str, list[str]]:
        """List the models: there is one

        Its name is a part of the other addresses.
        """
        return {"models": [MODEL]}


@namespace.route(ADDRESS)
@namespace.route(VERSIONED, doc=False)
class Model(Resource):
    @namespace.doc("model_metadata")
    @namespace.response(200, "The model", metadata_model)
    def get(self) -> dict[str, Any]:
        """Describe the inputs and outputs of the model

        The names, types and shapes of the tensors; -1 stands for any size.
        """
        return {
            "name": MODEL,
            "versions": [VERSION],
            "platform": PLATFORM,
            "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1]}],
            "outputs": [{"name": name, **output} for name, output in OUTPUTS.items()],
        }


@namespace.route(f"{ADDRESS}/ready")
@namespace.route(f"{VERSIONED}/ready", doc=False)
class ModelReady(Resource):
    @namespace.doc("model_ready")
    @namespace.response(200, "The model has passed its warm-up inference", model_ready_model)
    @namespace.response(503, LOADING, protocol_error)
    def get(self) -> dict[str, Any]:
        """Tell whether the model can segment images

        As /v2/health/ready, for the one model.
        """
        check_ready()
        return {"name": MODEL, "ready": True}


@namespace.route(f"{ADDRESS}/infer")
@namespace.route(f"{VERSIONED}/infer", doc=False)
@segmenting
class Infer(Resource):
    @namespace.doc("infer")
    @namespace.expect(request_model)
    @namespace.response(200, "The requested tensors", infer_model)
    @error_responses(protocol_error)
    def post(self) -> Response:
        """Segment an image

        The photo is in base64 in the tensor of the JSON, or binary behind the JSON, or the whole body if the header
        Inference-Header-Content-Length is 0. Binary tensors need that header in the response, too.
        """
        with DECODING:
            infer = read_request(read_body(), request.headers.get(HEADER), tuple(OUTPUTS))
        check_names(infer.parameters)
        parameters = Parameters(request.args.to_dict(flat=False), values_in(infer.parameters))
        encoders = {name: encoder(name, parameters.own()) for name in ("objects", "cutout")}
        encode = partial(encode_infer, infer=infer, encoders=encoders)
        return respond(segmented(infer.upload, encode, parameters.options(current_model().labels)))


def encode_infer(segmentation: Segmentation, *, infer: InferRequest, encoders: dict[str, Encoder]) -> Encoded:
    """Return the response to `infer`: JSON, with tensors behind it if the request wants some there."""
    values: dict[str, Callable[[], Tensor]] = {
        "seg_map": lambda: Tensor("seg_map", segmentation.seg_map),
        "mask_png": lambda: Tensor("mask_png", encode_mask(segmentation).content),
        "objects": lambda: Tensor("objects", encoders["objects"](segmentation).content, bytes.decode),
        "cutout": lambda: Tensor("cutout", encoders["cutout"](segmentation).content),
    }
    outputs, id_ = infer.outputs, infer.id
    head = {"model_name": MODEL, "model_version": VERSION} | ({} if id_ is None else {"id": id_})
    body, json_length = infer_response(head, [values[name]() for name in outputs], outputs)
    if any(outputs.values()):
        return Encoded(body, BINARY, segmentation.seg_map, {HEADER: str(json_length)})
    return Encoded(body, JSON, segmentation.seg_map)
