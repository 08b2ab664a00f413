"""POST /model/predict: an image in, the class of every pixel out."""

from flask import Response, request
from flask_restx import Resource

from api.bodies import read_contents
from api.context import current_model, namespace, segmented
from api.description.schemas import IMAGE, PARAMETERS, RESULT, error, error_responses, segmentation
from api.negotiation import accepted, default_output, respond
from api.parameters import Parameters
from api.protocols import segmenting
from core.outputs import MIMETYPES
from core.parameters import encoder


@namespace.route("/predict")
@segmenting
class Predict(Resource):
    @namespace.doc("predict", params={**PARAMETERS, "image": IMAGE}, consumes=["multipart/form-data"])
    @namespace.produces(MIMETYPES)
    @namespace.response(200, RESULT, segmentation)
    @error_responses(error)
    def post(self) -> Response:
        """Segment an image

        The photo can also be the whole body, or base64 in JSON with the parameters beside it: see /openapi.json.
        """
        contents = read_contents()
        parameters = Parameters(request.args.to_dict(flat=False), contents.values, contents.background)
        output = parameters.value("output") or default_output()
        mimetypes = accepted(output)
        options = parameters.options(current_model().labels, *mimetypes)
        return respond(segmented(contents.upload, encoder(output, parameters.own(), *mimetypes), options))
