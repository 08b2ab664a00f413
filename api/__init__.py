"""The HTTP interface: routes, parameters and responses. Knows Flask, not TensorFlow."""

from flask import Flask

from api import (  # noqa: F401 - routes
    demo,
    health,
    huggingface,
    inference,
    metadata,
    metrics,
    openapi,
    predict,
    security,
    swagger,
    uploads,
)
from api.errors import JsonErrorApi
from api.extensions import namespace
from config import Settings
from core.model import ModelWrapper
from segmenter import __version__

DESCRIPTION = (
    "The class of every pixel of a photo, by DeepLabV3 trained on PASCAL VOC 2012. [Try it](demo). "
    "This description in [OpenAPI 3.0](openapi.json)"
)


def init_app(app: Flask, settings: Settings, model: ModelWrapper, counters: metrics.Metrics) -> None:
    """Add the whole HTTP interface to `app`; `model` segments, and `counters` collect the metrics."""
    app.extensions.update(model=model, metrics=counters)
    app.config.update(
        RESTX_MASK_SWAGGER=False,  # no field masks: the responses are not marshalled
    )
    uploads.init_app(app, settings)
    counters.watch_model(model)
    metrics.init_app(app, counters)
    security.init_app(app, settings)
    api = JsonErrorApi(
        app,
        title="MAX Image Segmenter",
        version=__version__,
        description=DESCRIPTION,
        license="Apache-2.0",
        doc="/",
        catch_all_404s=True,
    )
    api.add_namespace(namespace)
    for module in (huggingface, inference, health):
        api.add_namespace(module.namespace)
    swagger.init_api(app, api)
    openapi.init_api(app, api)
    demo.init_app(app)
