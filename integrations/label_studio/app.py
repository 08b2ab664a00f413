"""The backend's HTTP interface, as Label Studio calls it: https://labelstud.io/guide/ml_create."""

from http import HTTPStatus
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from integrations.client import ServiceError
from integrations.label_studio.errors import ImageError, LabelingError
from integrations.label_studio.predictor import IMAGE_FAULTS, Predictor
from integrations.label_studio.settings import Settings

# Label Studio sends many tasks at once, with all their annotations and predictions.
MAX_REQUEST_BYTES = 256_000_000
Answer = tuple[dict[str, Any], int]


def create_app(settings: Settings | None = None) -> Flask:
    """Return the backend, by default with the settings of the environment. Raises SettingsError."""
    predictor = Predictor(settings or Settings.from_environment())
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES

    @app.get("/")
    @app.get("/health")
    def health() -> Answer:
        return {"status": "UP", "model_class": "max-image-segmenter"}, HTTPStatus.OK

    @app.post("/setup")
    def setup() -> Answer:
        return {"model_version": predictor.setup(field("schema", str))}, HTTPStatus.OK

    @app.post("/predict")
    def predict() -> Answer:
        return {"results": predictor.predict(field("tasks", list), field("label_config", str))}, HTTPStatus.OK

    @app.post("/webhook")
    def webhook() -> Answer:
        return {"status": "ignored: the model does not learn from annotations"}, HTTPStatus.CREATED

    app.register_error_handler(LabelingError, lambda error: ({"error": str(error)}, HTTPStatus.BAD_REQUEST))
    app.register_error_handler(ImageError, lambda error: ({"error": str(error)}, HTTPStatus.BAD_REQUEST))
    app.register_error_handler(ServiceError, service_failed)
    app.register_error_handler(HTTPException, rejected)
    return app


def field(name: str, type_: type) -> Any:
    """Return a field of the request's JSON. Raises LabelingError if it is missing or of another type."""
    body = request.get_json()
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, type_):
        raise LabelingError(f"{name}: missing, or no {type_.__name__}; Label Studio sends it to {request.path}")
    return value


def service_failed(error: ServiceError) -> Answer:
    """Answer a request for which the service gave no result."""
    return {"error": str(error)}, error.status if error.status in IMAGE_FAULTS else HTTPStatus.BAD_GATEWAY


def rejected(error: HTTPException) -> Answer:
    """Answer a request that Flask rejects, such as one of an unknown path."""
    return {"error": error.description or error.name}, error.code or HTTPStatus.INTERNAL_SERVER_ERROR
