"""POST /model/predict, and /model/predict/OUTPUT: an image in, the class of every pixel out."""

from flask import Response, request
from flask_restx import Resource

from api.bodies import MULTIPART, read_contents
from api.context import current_model, namespace, segmented
from api.description.predict import BODIES, IMAGE, PARAMETERS, RESULT, parameters_of, result_of
from api.description.schemas import RESULTS, error, error_responses, segmentation
from api.negotiation import accepted, default_output, respond
from api.parameters import NONE, Parameters, Values
from api.protocols import segmenting
from core.outputs import MIMETYPES, OUTPUTS, Output
from core.parameters import encoder


@namespace.route("/predict")
@segmenting
class Predict(Resource):
    @namespace.doc("predict", params={**PARAMETERS, "image": IMAGE}, consumes=[MULTIPART], description=BODIES)
    @namespace.produces(MIMETYPES)
    @namespace.response(200, RESULT, segmentation)
    @error_responses(error)
    def post(self) -> Response:
        """Segment an image"""
        return prediction()


def add_operation(output: str, row: Output) -> None:
    """Add the route whose only output is `output`: clients that are made from the description know its response."""

    class PredictOutput(Resource):
        @namespace.doc(f"predict_{output}", params=parameters_of(output), consumes=[MULTIPART], description=BODIES)
        @namespace.produces(list(row.encoders))
        @namespace.response(200, result_of(output), RESULTS.get(output))
        @error_responses(error)
        def post(self) -> Response:
            return prediction({"output": [output]})

        post.__doc__ = f"Segment an image: {row.help}"

    namespace.route(f"/predict/{output}")(segmenting(PredictOutput))


for name, found in OUTPUTS.items():
    add_operation(name, found)


def prediction(path: Values = NONE) -> Response:
    """Return the response to the current request; `path` has the parameters in its path. Raises SegmenterError."""
    contents = read_contents()
    parameters = Parameters(request.args.to_dict(flat=False), contents.values, path, contents.background)
    output = parameters.value("output") or default_output()
    mimetypes = accepted(output)
    options = parameters.options(current_model().labels, *mimetypes)
    return respond(segmented(contents.upload, encoder(output, parameters.own(), *mimetypes), options))
