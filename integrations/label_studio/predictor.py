"""From tasks of Label Studio to predictions."""

import logging
from http import HTTPStatus
from statistics import fmean
from typing import Any

from integrations.client import Client, Region, ServiceError
from integrations.label_studio.errors import ImageError, LabelingError
from integrations.label_studio.images import Images
from integrations.label_studio.labeling import Control, controls
from integrations.label_studio.results import results
from integrations.label_studio.settings import Settings

# The statuses of the service that are the fault of one image.
IMAGE_FAULTS = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
log = logging.getLogger(__name__)


class Predictor:
    """Fetches the images of tasks, and has them segmented one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings.segmenter_url, settings.segmenter_api_key)
        self._images = Images(settings)

    def setup(self, config: str) -> str:
        """Check a labeling configuration, and return the version of the model. Raises LabelingError, ServiceError."""
        controls(config, self._client.labels())
        return self._client.model_version()

    def predict(self, tasks: list[Any], config: str) -> list[dict[str, Any]]:
        """Return one prediction for each of `tasks`, in order.

        Label Studio drops all predictions of a response with an error, so a task whose image fails gets an empty one
        with the reason, unless all fail. Raises LabelingError, ServiceError, ImageError.
        """
        found = controls(config, self._client.labels())
        version = self._client.model_version()
        predictions: list[dict[str, Any]] = []
        failures: list[Exception] = []
        for task in tasks:
            try:
                prediction = self._prediction(task, found)
            except (ImageError, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status not in IMAGE_FAULTS:
                    raise
                log.error("no prediction for task %s: %s", task.get("id"), error)
                failures.append(error)
                prediction = {"score": 0, "result": [], "error": str(error)}
            predictions.append({"model_version": version} | prediction)
        if failures and len(failures) == len(tasks):
            raise failures[0]
        return predictions

    def _prediction(self, task: Any, found: list[Control]) -> dict[str, Any]:
        """Return the results for a task, and as `score` the mean of their scores. Raises ImageError, ServiceError."""
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise LabelingError("tasks: each must be an object with the image's address in its data")
        result = []
        for variable in sorted({control.variable for control in found}):
            of_image = [control for control in found if control.variable == variable]
            regions = self._regions(task, variable, of_image)
            result += [item for control in of_image for item in results(control, regions)]
        scores = [item["score"] for item in result if "score" in item]
        return {"score": fmean(scores) if scores else 0, "result": result}

    def _regions(self, task: dict[str, Any], variable: str, found: list[Control]) -> list[Region]:
        """Return the regions for the controls of an image of a task. Raises ImageError, ServiceError."""
        address = task["data"].get(variable)
        if not isinstance(address, str):
            raise ImageError(f"data.{variable}: {address!r} is no address of an image; correct the task")
        return self._client.segment(
            self._images.fetch(address, task.get("id")),
            sorted({class_id for control in found for class_id in control.labels}),
            polygons=any(control.result_type == "polygonlabels" for control in found),
            min_score=self._settings.min_score,
            edges=self._settings.edges,
            pieces=self._settings.pieces,
        )
