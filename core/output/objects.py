"""The objects in a label map as plain data, for JSON: the classes, or their pieces."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.output.confidence import scores
from core.output.pieces import MAX_PIECES, Pieces
from core.output.polygons import Rings, polygons
from core.output.run_length import Area, areas
from core.output.segmentation import Segmentation, width_height
from core.types import Array


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its class id, its score, if the model has logits, its area, and its polygons, if they are wanted."""

    class_id: int
    score: float | None
    area: Area
    polygons: list[Rings] | None = None


def numbered(segmentation: Segmentation, most: int = MAX_PIECES) -> tuple[Array, list[int], dict[int, float]]:
    """Return the number of the class or piece of each pixel, [height, width], and by number its class id and its score.

    There are no scores if the graph hides its logits. Raises InvalidRequest if there are more than `most` pieces.
    """
    prediction, hidden = segmentation.prediction, segmentation.prediction.logits is None
    if segmentation.pieces:
        pieces = Pieces(segmentation.seg_map, most)
        return pieces.numbers, pieces.classes.tolist(), {} if hidden else pieces.scores(prediction)
    classes = list(range(len(segmentation.labels)))
    return segmentation.seg_map, classes, {} if hidden else scores(prediction.needed_logits)


def found_in(segmentation: Segmentation, tolerance: float | None = None) -> Iterator[Found]:
    """Yield each class present, or each piece, largest area first.

    With `tolerance`, in pixels, each has polygons. Raises InvalidRequest, as core.output.polygons and
    core.output.pieces.
    """
    numbers, classes, scored = numbered(segmentation)
    shapes = {} if tolerance is None else polygons(numbers, tolerance)
    for area in areas(numbers):
        number = area.class_id
        yield Found(classes[number], scored.get(number), area, shapes.get(number))


def objects(segmentation: Segmentation, tolerance: float | None = None) -> list[dict[str, Any]]:
    """Return each class or piece, largest area first, with its label, score, area and shape; see found_in()."""
    width, height = width_height(segmentation.seg_map)
    return [
        {
            "id": found.class_id,
            "label": segmentation.labels[found.class_id],
            "score": found.score,
            "pixels": found.area.pixels,
            "fraction": found.area.pixels / (width * height),
            "bbox": found.area.bbox,
            "rle": _run_lengths(found.area, segmentation),
        }
        | ({} if found.polygons is None else {"polygons": found.polygons})
        for found in found_in(segmentation, tolerance)
    ]


def instances(segmentation: Segmentation) -> dict[str, Any]:
    """Return COCO's format of instances, with one image and an annotation for each class or piece."""
    width, height = width_height(segmentation.seg_map)
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": found.class_id,
            "segmentation": _run_lengths(found.area, segmentation),
            "area": found.area.pixels,
            "bbox": found.area.bbox,
            "iscrowd": 0,
            "score": found.score,
        }
        for number, found in enumerate(found_in(segmentation), 1)
    ]
    return {
        "images": [{"id": 1, "width": width, "height": height, "file_name": "image"}],
        "annotations": annotations,
        "categories": [{"id": id_, "name": name} for id_, name in enumerate(segmentation.labels) if id_],
    }


def _run_lengths(area: Area, segmentation: Segmentation) -> dict[str, Any]:
    width, height = width_height(segmentation.seg_map)
    return {"size": [height, width], "counts": area.counts.decode()}
