"""The model as the original served it: the stock graph, flask-restx's marshalling, Flask's own development server.

python benchmarks/original_server.py PORT
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from flask_restx import Api, Resource, fields
from PIL import Image
from werkzeug.datastructures import FileStorage

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.engines.backends import CANVAS, load_stock, resized  # noqa: E402
from core.runtime.cpu import usable_cores  # noqa: E402

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
run = load_stock(Path(), usable_cores())


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
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
