"""Measures what a colour profile changes: mean IoU and decoding time of photos with a Display P3 profile.

Each photo of a folder in the layout of PASCAL VOC is converted to Display P3 and saved as a JPEG of quality 95, as a
phone saves it: with its profile, without it (the colours are then wrong, as in a decoder that ignores profiles), and
as it was, in sRGB. The settings are the service's, from the environment.
"""

import io
from time import perf_counter

import numpy as np
from PIL import Image, ImageCms

from benchmarks.options import voc_argument_parser
from config import Settings
from core.evaluation import Accuracy, read_voc
from core.image.decode import read_image
from core.image.resize import resized
from segmenter import create_model
from tests.support.icc import DISPLAY_P3, matrix_profile
from tests.support.images import encode

KINDS = SRGB, APPLIED, IGNORED = "sRGB", "Display P3, profile applied", "Display P3, profile ignored"


def main() -> None:
    arguments = voc_argument_parser("benchmarks.accuracy.colour", __doc__).parse_args()

    settings = Settings.from_environment()
    engine = create_model(settings).loading.result()
    profile = matrix_profile(DISPLAY_P3, 2.2)
    to_p3 = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB", "RGB"
    )
    scores = {kind: Accuracy(21) for kind in KINDS}
    seconds = dict.fromkeys(KINDS, 0.0)
    for photo_file, mask_file in read_voc(arguments.voc, arguments.every):
        with Image.open(photo_file) as photo, Image.open(mask_file) as mask:
            truth, original, wide = np.asarray(mask), photo.convert("RGB"), to_p3.apply(photo.convert("RGB"))
        wide.info = {}
        files = {
            SRGB: encode(original, "JPEG", quality=95),
            APPLIED: encode(wide, "JPEG", quality=95, icc_profile=profile),
            IGNORED: encode(wide, "JPEG", quality=95),
        }
        for kind, data in files.items():
            began = perf_counter()
            image = resized(read_image(data, max_pixels=10**9), settings.image_size)
            seconds[kind] += perf_counter() - began
            scores[kind].add(truth, engine.run(np.asarray(image)))
    count = len(read_voc(arguments.voc, arguments.every))
    print(f"{f'IMAGE_SIZE={settings.image_size}':30}  mean IoU   decoding")
    for kind in KINDS:
        print(f"{kind:30}{100 * scores[kind].mean_iou:10.2f}{1000 * seconds[kind] / count:8.1f} ms")


if __name__ == "__main__":
    main()
