"""The Swagger description follows the classes of the served model."""

import json

from werkzeug.test import Client

from api.description.swagger import described
from core.labels import LABELS

URL = "http://localhost"


def test_examples_name_only_classes_of_the_served_model(client: Client) -> None:
    swagger = json.loads(client.get("/swagger.json").data)
    labels = ("background", "roof", "street")
    few = json.dumps(described(swagger, labels, URL)["definitions"])
    assert '"example": "street"' in few
    assert '"example": [[0, 2, 2], [0, 2, 2]]' in few
    assert not [label for label in LABELS[1:] if f'"example": "{label}"' in few]
    assert described(swagger, LABELS, URL)["definitions"] == swagger["definitions"]
