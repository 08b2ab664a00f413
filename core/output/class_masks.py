"""A picture for each class or piece in a label map, in the form of Hugging Face's task image segmentation."""

import base64

import numpy as np
import orjson
from PIL import Image

from core.output.confidence import confidence
from core.output.encode import JSON, Encoded, Sink, picture_file
from core.output.objects import numbered
from core.output.pieces import MAX_MASKS
from core.output.segmentation import Segmentation, width_height


def encode_class_masks(segmentation: Segmentation, *, threshold: float = 0.0) -> Encoded:
    """Return a JSON list with the `label`, `mask` and `score` of each class present, or of each piece.

    Classes are by id, background included; pieces are without background. A mask is a grey PNG in base64: 255 at the
    pixels whose confidence is at least `threshold`, 0 to 1, and 0 elsewhere. The members are those of
    ImageSegmentationOutputElement in huggingface_hub. Raises InvalidRequest if there is a `threshold`, and the graph
    hides its logits, or if there are more than MAX_MASKS pieces.
    """
    numbers, classes, scores = numbered(segmentation, MAX_MASKS)
    if segmentation.pieces:
        present = list(range(1, len(classes)))
    else:
        present = np.flatnonzero(Image.fromarray(numbers).histogram()).tolist()
    seg_map = segmentation.seg_map
    unsure = confidence(segmentation.prediction, width_height(seg_map)) < 255 * threshold if threshold else None
    file = Sink()
    for number in present:
        mask = numbers == number
        if unsure is not None:
            mask &= ~unsure
        content = base64.b64encode(picture_file(Image.fromarray(mask * np.uint8(255)))).decode()
        found = {"score": scores.get(number), "label": segmentation.labels[classes[number]], "mask": content}
        # One after the other: the masks of many classes can be larger than the photo.
        file.write(b"," if file.tell() else b"[")
        file.write(orjson.dumps(found))
    file.write(b"]")
    return Encoded(file.getvalue(), JSON, seg_map)
