"""Regions of the service as results of Label Studio.

The formats are described in https://labelstud.io/guide/task_format. Label Studio's run lengths are not COCO's: the SDK
encodes them.
"""

import uuid
from typing import Any

import numpy as np
from label_studio_sdk.converter.brush import mask2rle

from integrations.client import Region
from integrations.label_studio.labeling import Control
from integrations.rings import outlines


def results(control: Control, regions: list[Region]) -> list[dict[str, Any]]:
    """Return the results of `control`: one for each mask, or for each polygon."""
    shapes = brushes if control.result_type == "brushlabels" else polygons
    return [
        {
            "id": uuid.uuid4().hex[:10],
            "from_name": control.name,
            "to_name": control.to_name,
            "type": control.result_type,
            "original_width": region.size[1],
            "original_height": region.size[0],
            "image_rotation": 0,
            "value": shape | {control.result_type: [control.labels[region.class_id]]},
        }
        | ({} if region.score is None else {"score": region.score})
        for region in regions
        if region.class_id in control.labels
        for shape in shapes(region)
    ]


def brushes(region: Region) -> list[dict[str, Any]]:
    """Return the mask of `region`."""
    return [{"format": "rle", "rle": mask2rle(region.mask() * np.uint8(255))}]


def polygons(region: Region) -> list[dict[str, Any]]:
    """Return the polygons of `region`, in percent of width and height; a zero-width bridge leads to each hole."""
    height, width = region.size
    percent = 100 / np.array([width, height])
    return [{"points": (ring * percent).clip(0, 100).tolist(), "closed": True} for ring in outlines(region)]
