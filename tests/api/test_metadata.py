"""GET /model/metadata and GET /model/labels."""

import hashlib

from werkzeug.test import Client

from core.labels import LABELS, class_ids
from core.weights.registry import MOBILE
from tests.support.application import opened, predict


def test_metadata_has_description_of_original_service_and_what_is_served(client: Client) -> None:
    assert client.get("/model/metadata").get_json() == {
        "id": "max-image-segmenter",
        "name": "MAX Image Segmenter",
        "description": "DeepLab TensorFlow model for semantic image segmentation, trained on VOCO 2012",
        "type": "Object Detection",
        "license": "Apache v2",
        "source": "https://developer.ibm.com/exchanges/models/all/max-image-segmenter",
        "serving": {
            "model_type": "mobile",
            "backbone": "MobileNetV2",
            "image_size": 513,
            "canvas": "fit",
            "precision": "float32",
            "num_classes": 21,
            "graph_sha256": hashlib.sha256(MOBILE.read_bytes()).hexdigest(),
        },
    }


def test_labels_are_classes_of_model_by_id(client: Client) -> None:
    labels = client.get("/model/labels").get_json()
    assert [(label["id"], label["name"]) for label in labels] == list(enumerate(LABELS))


def test_labels_have_other_names_that_select_the_same_class(client: Client) -> None:
    labels = client.get("/model/labels").get_json()
    assert labels[LABELS.index("sofa")]["synonyms"] == ["couch"]
    assert labels[LABELS.index("bird")]["synonyms"] == []
    for label in labels:
        assert class_ids(label["synonyms"], LABELS) <= {label["id"]}


def test_labels_have_colours_of_mask(client: Client) -> None:
    palette = opened(predict(client, "?output=mask")).getpalette() or []
    for label in client.get("/model/labels").get_json():
        assert label["color"] == f"#{bytes(palette[3 * label['id'] : 3 * label['id'] + 3]).hex()}"
