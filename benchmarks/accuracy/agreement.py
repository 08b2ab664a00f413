"""Compares the label maps of the service, over HTTP, with those of a plain TensorFlow session, pixel by pixel.

The plain side is the shortest program for the model: Pillow's open(), convert() and resize() with LANCZOS, and the
unmodified frozen graph in a session with default options. Prints the number of photos, of pixels, and of pixels that
differ.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.options import argument_parser
from core.evaluation import read_voc
from core.tensorflow import tf
from core.weights.registry import MOBILE
from tests.support.service import running_service

LONG_SIDE = 513


def main() -> None:
    parser = argument_parser("benchmarks.accuracy.agreement", __doc__)
    parser.add_argument("voc", type=Path, help="a folder in the layout of PASCAL VOC: JPEGImages and val.txt")
    photos = [photo for photo, _ in read_voc(parser.parse_args().voc)]

    tf.import_graph_def(tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes()), name="")
    session = tf.compat.v1.Session()
    pixels = different = 0
    with running_service(CANVAS="fixed") as service:
        for photo in photos:
            image = Image.open(photo).convert("RGB")
            # The original service multiplies by a float; 1e-9 makes up for its rounding error.
            ratio = LONG_SIDE / max(image.size)
            width, height = (int(side * ratio + 1e-9) for side in image.size)
            resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
            [plain] = session.run("SemanticPredictions:0", {"ImageTensor:0": resized[np.newaxis]})
            served = np.array(service.predict(photo.read_bytes()).json()["seg_map"])
            pixels += plain.size
            different += int(np.count_nonzero(served != plain))
    print(f"{len(photos)} photos, {pixels:,} pixels, {different:,} different")


if __name__ == "__main__":
    with tf.Graph().as_default():
        main()
