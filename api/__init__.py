"""The HTTP side: what may be asked of the service, and what comes back. Knows nothing of TensorFlow."""

import hmac
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

from flask import Flask, Request, request
from flask_cors import CORS
from werkzeug import Response

from api import context, demo, health, metadata, predict  # noqa: F401 - importing a file adds its routes
from api.errors import JsonErrorApi, answer
from config import Settings

VERSION = "1.0.0"
DESCRIPTION = """The class of every pixel of a photo, by DeepLabV3 trained on PASCAL VOC 2012. [Try it](demo)"""


class InMemoryRequest(Request):
    """A request whose uploads stay in memory: MAX_UPLOAD_MB bounds them, and the file system may be read-only."""

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return BytesIO()


class ModelApi(JsonErrorApi):
    """The Api, whose Swagger description names the classes of the model that is served."""

    @property
    def __schema__(self) -> dict[str, Any]:
        schema: dict[str, Any] = super().__schema__
        for parameter in schema["paths"]["/model/predict"]["post"]["parameters"]:
            if parameter["name"] == "classes":
                labels = ", ".join(context.current_model().labels)
                parameter["description"] = f"{predict.PARAMETERS['classes']['description']} They are: {labels}"
        return schema


def install(app: Flask, settings: Settings) -> None:
    """Give `app` the whole HTTP contract."""
    app.request_class = InMemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_mb * 1_000_000,
        SWAGGER_UI_DOC_EXPANSION="list",  # show the operations, not only their groups
        RESTX_MASK_SWAGGER=False,  # no field masks: the answers are not marshalled
    )
    if settings.cors_enable:
        CORS(app, origins=list(settings.cors_origins))
    if settings.api_key:
        app.before_request(lambda: _require_key(settings.api_key))
    api = ModelApi(
        app,
        title="MAX Image Segmenter",
        version=VERSION,
        description=DESCRIPTION,
        license="Apache-2.0",
        doc="/",
        catch_all_404s=True,
    )
    api.add_namespace(context.namespace)
    api.add_namespace(health.namespace)
    demo.install(app)


def _require_key(key: str) -> Response | None:
    """Refuse a request to the model without the right X-API-Key; a CORS preflight can't carry one."""
    if not request.path.startswith("/model/") or request.method == "OPTIONS":
        return None
    # WSGI hands header bytes over as latin-1.
    if hmac.compare_digest(request.headers.get("X-API-Key", "").encode("latin-1"), key.encode()):
        return None
    return answer(HTTPStatus.UNAUTHORIZED, "the header X-API-Key is missing or wrong; send the key of this service")
