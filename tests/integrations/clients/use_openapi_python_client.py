"""Segments a photo with a client of openapi-python-client: arguments are the URL, the key, the photo and a folder.

The folder gets the responses to a form, to JSON and to bytes: FORM.json, FORM.png, FORM.webp and so on.
"""

import io
import json
import sys
from base64 import b64encode
from pathlib import Path

from openapi_python.api.model import predict_cutout, predict_mask, predict_objects
from openapi_python.client import AuthenticatedClient
from openapi_python.models import (
    Objects,
    Photo,
    PhotoForm,
    PredictCutoutAlpha,
    PredictCutoutEdges,
    PredictCutoutLook,
    PredictCutoutSize,
    PredictObjectsShapes,
)
from openapi_python.types import File

url, key, path, folder = sys.argv[1:]
photo, out = Path(path).read_bytes(), Path(folder)
client = AuthenticatedClient(url, token=key)


def body(kind: str) -> PhotoForm | Photo | File:
    file = File(io.BytesIO(photo), "photo.jpg", "image/jpeg")
    return {"form": PhotoForm(file), "json": Photo(b64encode(photo).decode()), "bytes": file}[kind]


def write(name: str, response: object) -> None:
    assert isinstance(response, File), response
    (out / name).write_bytes(response.payload.read())


for kind in ("form", "json", "bytes"):
    objects = predict_objects.sync(
        client=client,
        body=body(kind),
        classes="cat,dog",
        min_score=0.25,
        min_area=0.001,
        pieces=True,
        shapes=PredictObjectsShapes.POLYGONS,
        tolerance=2.5,
    )
    assert isinstance(objects, Objects), objects
    (out / f"{kind}.json").write_text(json.dumps(objects.to_dict()))
    write(f"{kind}.png", predict_mask.sync(client=client, body=body(kind)))
    cutout = predict_cutout.sync(
        client=client.with_headers({"Accept": "image/webp"}),
        body=body(kind),
        size=PredictCutoutSize.ORIGINAL,
        edges=PredictCutoutEdges.MODEL,
        look=PredictCutoutLook.TWICE,
        alpha=PredictCutoutAlpha.HARD,
        background="blur",
        blur=0.0125,
        crop=True,
    )
    write(f"{kind}.webp", cutout)
