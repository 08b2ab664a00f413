"""The Swagger description of the Open Inference Protocol V2: the bodies of its requests and responses."""

from flask_restx import Namespace, fields

from api.protocols import MODEL, VERSION
from api.protocols.tensors import INPUT

namespace = Namespace("v2", "Open Inference Protocol, for the clients of Triton and KServe", path="/v2")
OUTPUTS = {
    "seg_map": {"datatype": "UINT8", "shape": [-1, -1]},
    "mask_png": {"datatype": "BYTES", "shape": [1]},
    "objects": {"datatype": "BYTES", "shape": [1]},
    "cutout": {"datatype": "BYTES", "shape": [1]},
}
PLATFORM = "tensorflow_graphdef"  # as Triton calls frozen graphs

tensor = namespace.model(
    "Tensor",
    {
        "name": fields.String(required=True, enum=[INPUT], example=INPUT),
        "datatype": fields.String(required=True, enum=["BYTES"], example="BYTES"),
        "shape": fields.List(fields.Integer, required=True, example=[1]),
        "data": fields.List(fields.String, description="The file of the photo, in base64"),
        "parameters": fields.Raw(description="binary_data_size, if the file follows the JSON"),
    },
)
request_model = namespace.model(
    "InferRequest",
    {
        "id": fields.String(description="Returned with the response"),
        "parameters": fields.Raw(description="As those of /model/predict, without output"),
        "inputs": fields.List(fields.Nested(tensor), required=True, min_items=1, max_items=1),
        "outputs": fields.List(fields.Raw, description=f"Objects with a name: {', '.join(OUTPUTS)}"),
    },
)
server_model = namespace.model(
    "ServerMetadata",
    {"name": fields.String(example=MODEL), "version": fields.String, "extensions": fields.List(fields.String)},
)
live_model = namespace.model("ServerLive", {"live": fields.Boolean})
ready_model = namespace.model("ServerReady", {"ready": fields.Boolean})
models_model = namespace.model("Models", {"models": fields.List(fields.String, example=[MODEL])})
metadata_model = namespace.model(
    "ModelMetadata",
    {
        "name": fields.String(example=MODEL),
        "versions": fields.List(fields.String, example=[VERSION]),
        "platform": fields.String(example=PLATFORM),
        "inputs": fields.List(fields.Raw, description="Tensors with name, datatype and shape"),
        "outputs": fields.List(fields.Raw, description="Tensors with name, datatype and shape"),
    },
)
model_ready_model = namespace.model("ModelReady", {"name": fields.String(example=MODEL), "ready": fields.Boolean})
infer_model = namespace.model(
    "InferResponse",
    {
        "model_name": fields.String(example=MODEL),
        "model_version": fields.String(example=VERSION),
        "id": fields.String(description="That of the request"),
        "outputs": fields.List(fields.Raw, description="Tensors with name, datatype, shape and data"),
    },
)
