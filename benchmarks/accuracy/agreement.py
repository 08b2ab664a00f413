"""Does the service answer what the model says? Its maps over HTTP against a plain session's, pixel by pixel.

    python benchmarks/agreement.py VOC_FOLDER

The plain side is what anyone would write: Pillow's open, convert and LANCZOS resize, the unmodified frozen graph in a
TensorFlow session with default options. Prints the photos, the pixels and how many of them differ.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from core.tensorflow import tf

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core.weights.registry import MOBILE  # noqa: E402
from tests.conftest import start_service  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, help="a folder with JPEGImages and val.txt, as PASCAL VOC's")
    voc = parser.parse_args().voc

    tf.import_graph_def(tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes()), name="")
    session = tf.compat.v1.Session()
    pixels = different = 0
    names = (voc / "val.txt").read_text().split()
    with tempfile.TemporaryDirectory() as folder:
        service = start_service(Path(folder) / "log", CANVAS="fixed")
        for name in names:
            photo = voc / "JPEGImages" / f"{name}.jpg"
            image = Image.open(photo).convert("RGB")
            ratio = 513 / max(image.size)
            width, height = (int(side * ratio + 1e-9) for side in image.size)
            resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
            [plain] = session.run("SemanticPredictions:0", {"ImageTensor:0": resized[np.newaxis]})
            served = np.array(service.predict(photo.read_bytes()).json()["seg_map"])
            pixels += plain.size
            different += int(np.count_nonzero(served != plain))
        service.stop()
    print(f"{len(names)} photos, {pixels:,} pixels, {different:,} different")


if __name__ == "__main__":
    with tf.Graph().as_default():
        main()
