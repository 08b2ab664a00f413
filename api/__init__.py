"""The HTTP interface: routes, parameters and responses. Knows Flask, not TensorFlow."""

from flask import Flask

from api import bodies, errors, health, metadata, metrics, predict, security
from api.description import openapi
from api.errors import JsonErrorApi
from api.pages import demo, swagger_ui
from api.protocols import hugging_face, open_inference, segmenting_paths
from config import Settings
from core.model import ModelWrapper
from segmenter import __version__

# Modules with the resources of a namespace, and modules that add something else to the application.
RESOURCES = (predict, metadata, hugging_face, open_inference, health)
PARTS = (bodies, errors, metrics, security, swagger_ui, openapi, demo)
DESCRIPTION = (
    "The class of every pixel of a photo, by DeepLabV3. [Try it](demo). This description in [OpenAPI 3.0](openapi.json)"
)


def init_app(app: Flask, settings: Settings, model: ModelWrapper, counters: metrics.Metrics) -> None:
    """Add the whole HTTP interface to `app`; `model` segments, and `counters` collect the metrics."""
    app.extensions.update(settings=settings, model=model, metrics=counters)
    counters.watch_model(model)
    app.config.update(
        RESTX_MASK_SWAGGER=False,  # no field masks: the responses are not marshalled
    )
    api = JsonErrorApi(
        app,
        title="MAX Image Segmenter",
        version=__version__,
        description=DESCRIPTION,
        license="Apache-2.0",
        doc="/",
        catch_all_404s=True,
    )
    for namespace in dict.fromkeys(module.namespace for module in RESOURCES):
        api.add_namespace(namespace)
    for part in PARTS:
        part.init(app, api)
    counters.expect(segmenting_paths(app))
