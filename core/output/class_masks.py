"""A picture for each class in a label map, in the form of Hugging Face's task image segmentation."""

import base64

import numpy as np
import orjson
from PIL import Image

from core.output.confidence import confidence
from core.output.encode import JSON, Encoded, Sink, picture_file
from core.output.segmentation import Segmentation, width_height


def encode_class_masks(segmentation: Segmentation, *, threshold: float = 0.0) -> Encoded:
    """Return a JSON list with the `label`, `mask` and `score` of each class present, by id, background included.

    A mask is a grey PNG in base64: 255 at the pixels of the class whose confidence is at least `threshold`, 0 to 1, and
    0 elsewhere. The members are those of ImageSegmentationOutputElement in huggingface_hub. Raises InvalidRequest if
    there is a `threshold`, and the graph hides its logits.
    """
    seg_map, scores = segmentation.seg_map, segmentation.scores
    unsure = confidence(segmentation.prediction, width_height(seg_map)) < 255 * threshold if threshold else None
    file = Sink()
    for class_ in np.flatnonzero(Image.fromarray(seg_map).histogram()).tolist():
        mask = seg_map == class_
        if unsure is not None:
            mask &= ~unsure
        content = base64.b64encode(picture_file(Image.fromarray(mask * np.uint8(255)))).decode()
        found = {"score": scores.get(class_), "label": segmentation.labels[class_], "mask": content}
        # One after the other: the masks of many classes can be larger than the photo.
        file.write(b"," if file.tell() else b"[")
        file.write(orjson.dumps(found))
    file.write(b"]")
    return Encoded(file.getvalue(), JSON, seg_map)
