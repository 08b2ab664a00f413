"""The HTTP side: what may be asked of the service, and what comes back. Knows nothing of TensorFlow."""

from typing import Any

from flask import Flask

from api import context, demo, health, logs, metadata, metrics, predict, security  # noqa: F401 - adds its routes
from api.errors import JsonErrorApi
from api.uploads import InMemoryRequest, Memory, discard_rest
from server.admission import Refusal
from config import Settings
from core.model import ModelWrapper

VERSION = "1.0.0"
DESCRIPTION = """The class of every pixel of a photo, by DeepLabV3 trained on PASCAL VOC 2012. [Try it](demo)"""


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


def install(app: Flask, settings: Settings, model: ModelWrapper, counters: metrics.Metrics) -> None:
    """Give `app` the whole HTTP contract, answered by `model` and counted by `counters`."""
    app.request_class = InMemoryRequest
    memory = Memory(settings.queue_size * settings.max_upload_mb * 1_000_000)
    app.extensions.update(model=model, metrics=counters, memory=memory)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_mb * 1_000_000,
        # The photo is the only field that counts; the parser itself needs room for 64 kB at once.
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=100_000,
        SWAGGER_UI_DOC_EXPANSION="list",  # show the operations, not only their groups
        RESTX_MASK_SWAGGER=False,  # no field masks: the answers are not marshalled
    )
    app.after_request(discard_rest)
    logs.install(app)
    counters.watch(model, memory)
    metrics.install(app, counters)
    security.install(app, settings)
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
    app.extensions["refusal"] = Refusal(app, settings.api_key)
