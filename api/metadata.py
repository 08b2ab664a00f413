"""GET /model/metadata and GET /model/labels: the model that is served, and its classes."""

from typing import Any

from flask_restx import Resource

from api.context import current_model, namespace
from api.description.schemas import label, metadata
from api.protocols import MODEL
from core.labels import synonyms
from core.output.render import COLOURS

# The original service's description of the model.
DESCRIPTION = {
    "id": MODEL,
    "name": "MAX Image Segmenter",
    "description": "DeepLab TensorFlow model for semantic image segmentation, trained on VOCO 2012",
    "type": "Object Detection",
    "license": "Apache v2",
    "source": "https://developer.ibm.com/exchanges/models/all/max-image-segmenter",
}


@namespace.route("/metadata")
class Metadata(Resource):
    @namespace.doc("metadata")
    @namespace.response(200, "The model", metadata)
    def get(self) -> dict[str, Any]:
        """Describe the model and how it is served

        The identity is that of the original service; `serving` has the network, its size and precision, and
        the checksum of its graph.
        """
        return DESCRIPTION | {"serving": current_model().serving}


@namespace.route("/labels")
class Labels(Resource):
    @namespace.doc("labels")
    @namespace.response(200, "The classes, by id", [label])
    def get(self) -> list[dict[str, Any]]:
        """List the classes

        The id of a class is its value in a map. The colours are those of masks and overlays.
        """
        return [
            {
                "id": class_,
                "name": name,
                "synonyms": synonyms(name),
                "color": f"#{bytes(COLOURS[class_]).hex()}",
            }
            for class_, name in enumerate(current_model().labels)
        ]
