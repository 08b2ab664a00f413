"""Serves the model as the original service did: stock graph, Flask-RESTX marshalling, Flask's development server.

The port is the environment variable PORT.
"""

import os
from io import BytesIO
from typing import Any

import numpy as np
from flask import Flask
from flask_restx import Api, Resource, fields
from PIL import Image
from werkzeug.datastructures import FileStorage

from benchmarks.engines.backends import CANVAS, open_stock, resized
from core.runtime.cpu import usable_cores
from core.weights.registry import MOBILE

app = Flask("original")
api = Api(app)
upload = api.parser()
upload.add_argument("image", type=FileStorage, location="files", required=True)
answer = api.model(
    "Answer",
    {
        "status": fields.String,
        "image_size": fields.List(fields.Integer),
        "seg_map": fields.List(fields.List(fields.Integer)),
    },
)
run = open_stock(MOBILE, usable_cores())


@api.route("/model/predict")
class Predict(Resource):
    @api.expect(upload)
    @api.marshal_with(answer)
    def post(self) -> dict[str, Any]:
        image = resized(Image.open(BytesIO(upload.parse_args()["image"].read())), CANVAS)
        height, width, _ = image.shape
        return {"status": "ok", "image_size": [width, height], "seg_map": run(image)}


if __name__ == "__main__":
    run(np.zeros((CANVAS, CANVAS, 3), np.uint8))
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
