"""The Swagger description of POST /model/predict and of the operations with one output each."""

from typing import Any

import core.parameters
from api.description.schemas import RESULTS
from core.image.formats import FORMAT_LIST
from core.outputs import OUTPUTS
from core.parameters import BACKGROUND, Parameter, own_parameters


def described(name: str, parameter: Parameter) -> dict[str, Any]:
    """Return the description of a parameter in Swagger.

    Its default is a text alone: many clients that are made from a description send each default that it has, in place
    of what their user has set in the body.
    """
    text = parameter.help[0].upper() + parameter.help[1:]
    if parameter.default_text:
        text = f"{text}; default: {parameter.default_text}"
    if name == "output":
        rows = [f"- `{output}`: {' or '.join(row.encoders)}: {row.help}" for output, row in OUTPUTS.items()]
        text = "\n".join([f"{text}; default: map, or mask if Accept has image/png and not JSON", *rows])
    return {**parameter.kind.schema, "description": text}


PARAMETERS = {name: described(name, parameter) for name, parameter in core.parameters.PARAMETERS.items()}
IMAGE = {
    "in": "formData",
    "type": "file",
    "required": True,
    "description": f"The photo: {FORMAT_LIST}. The EXIF orientation is applied. Of an animation, the first frame is "
    "segmented. It can also be a text: base64, with the alphabet of URLs, too, or a data: URI.",
}
# Swagger 2 has parameters of one name in several places; Flask-RESTX takes one. api.description.swagger adds this one.
BACKGROUND_FILE = {
    "name": BACKGROUND,
    "in": "formData",
    "type": "file",
    "required": False,
    "description": "A picture behind a cut-out, in place of the parameter of that name. It is decoded as the photo is, "
    "within the same limits, and scaled and cropped to cover the photo",
}
BODIES = (
    "The photo is the field `image` of a form, or the whole body, or base64 in JSON. JSON can have the type "
    "application/json, application/*+json or text/plain. Parameters are in the query, or beside the photo in the form "
    "or in JSON; a parameter that is in both needs the same value."
)
RESULT = ". ".join(
    [f"`{output}`: an object with {', '.join(model)}" for output, model in RESULTS.items()]
    + [f"{', '.join(f'`{output}`' for output in OUTPUTS if output not in RESULTS)}: a picture of that size"]
)


def parameters_of(output: str) -> dict[str, dict[str, Any]]:
    """Return the parameters of a request whose response is `output`, in Swagger."""
    common = [name for name, row in core.parameters.PARAMETERS.items() if not row.of[0] and name != "output"]
    return {name: PARAMETERS[name] for name in [*common, *own_parameters(output)]} | {"image": IMAGE}


def result_of(output: str) -> str:
    """Return the description of the response that is `output`."""
    row = OUTPUTS[output]
    text = row.help[0].upper() + row.help[1:]
    return f"{text}; of the type that Accept prefers" if len(row.encoders) > 1 else text
