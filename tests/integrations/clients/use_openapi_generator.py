"""Segments a photo with clients of openapi-generator, one for each body: arguments are the key, the photo and a folder.

The folder gets the responses to a form, to JSON and to bytes: form.json, form.png, form.webp and so on.
"""

import sys
from base64 import b64encode
from importlib import import_module
from pathlib import Path

key, path, folder = sys.argv[1:]
photo, out = Path(path).read_bytes(), Path(folder)

for name in ("form", "json", "bytes"):
    package = import_module(f"generator_{name}")
    client = package.ApiClient(package.Configuration(api_key={"key": key}))
    api = package.ModelApi(client)

    body = photo if name != "json" else package.Photo(image=b64encode(photo).decode())
    objects = api.predict_objects(
        body,
        classes="cat,dog",
        min_score=0.25,
        min_area=0.001,
        pieces=True,
        shapes="polygons",
        tolerance=2.5,
    )
    (out / f"{name}.json").write_text(objects.to_json())
    (out / f"{name}.png").write_bytes(api.predict_mask(body))
    cutout = api.predict_cutout(
        body,
        size="original",
        edges="model",
        look="twice",
        alpha="hard",
        background="blur",
        blur=0.0125,
        crop=True,
        _headers={"Accept": "image/webp"},
    )
    (out / f"{name}.webp").write_bytes(cutout)
