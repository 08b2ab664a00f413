"""The objects in a label map as plain data, for JSON."""

from typing import Any

from core.output.polygons import polygons
from core.output.run_length import Area, areas
from core.output.segmentation import Segmentation, width_height


def objects(segmentation: Segmentation, tolerance: float | None = None) -> list[dict[str, Any]]:
    """Return each class present, largest area first, with its label, score, area and shape.

    With `tolerance`, in pixels, each has `polygons` too. Raises InvalidRequest, as core.output.polygons.
    """
    width, height = width_height(segmentation.seg_map)
    scores = segmentation.scores
    shapes = None if tolerance is None else polygons(segmentation.seg_map, tolerance)
    return [
        {
            "id": area.class_id,
            "label": segmentation.labels[area.class_id],
            "score": scores.get(area.class_id),
            "pixels": area.pixels,
            "fraction": area.pixels / (width * height),
            "bbox": area.bbox,
            "rle": _run_lengths(area, segmentation),
        }
        | ({} if shapes is None else {"polygons": shapes[area.class_id]})
        for area in areas(segmentation.seg_map)
    ]


def instances(segmentation: Segmentation) -> dict[str, Any]:
    """Return COCO's format of instances, with one image and an annotation for each class present."""
    width, height = width_height(segmentation.seg_map)
    scores = segmentation.scores
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": area.class_id,
            "segmentation": _run_lengths(area, segmentation),
            "area": area.pixels,
            "bbox": area.bbox,
            "iscrowd": 0,
            "score": scores.get(area.class_id),
        }
        for number, area in enumerate(areas(segmentation.seg_map), 1)
    ]
    return {
        "images": [{"id": 1, "width": width, "height": height, "file_name": "image"}],
        "annotations": annotations,
        "categories": [{"id": id_, "name": name} for id_, name in enumerate(segmentation.labels) if id_],
    }


def _run_lengths(area: Area, segmentation: Segmentation) -> dict[str, Any]:
    width, height = width_height(segmentation.seg_map)
    return {"size": [height, width], "counts": area.counts.decode()}
