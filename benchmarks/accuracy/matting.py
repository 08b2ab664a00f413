"""Compares the alpha channels of cut-outs with closed-form matting (Levin et al., 2008; pymatting).

VOC's masks leave the pixels around objects void. Closed-form matting with these pixels as the unknown region gives a
reference: weak, because it is computed too, but from the true objects. Prints the mean absolute error of alpha in
percent, over the pixels at most 4 pixels from void ones, and the milliseconds per photo. Closed-form matting of the
same labels, with an unknown region around their edges, is the peer. The settings are the service's, from the
environment.

With --pictures FOLDER, saves each photo's cut-outs on a plain colour, side by side: hard, soft, and the peer's.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image, ImageFilter
from pymatting import estimate_alpha_cf, estimate_foreground_ml

from benchmarks.options import voc_argument_parser
from config import Settings
from core.evaluation import VOID, read_voc
from core.image.decode import read_image
from core.image.resize import resized
from core.output.matting import Foreground, soft_alpha
from core.output.segmentation import enlarged
from core.types import Array, Edges, Prediction, UInt8Array
from segmenter import create_model

BAND = 4  # pixels around void ones that are compared
UNKNOWN = 5  # pixels on either side of the edges of labels that the peer's trimap leaves unknown
BEHIND = (0, 128, 0)

# From a prediction, the model's image and the photo: alpha, 0 to 255.
Method = Callable[[Prediction, UInt8Array, UInt8Array], UInt8Array]


def near(mask: Array, pixels: int) -> Array:
    """Return the mask, bool [height, width], of the pixels at most `pixels` from those in `mask`, bool."""
    picture = Image.fromarray(mask * np.uint8(255)).filter(ImageFilter.MaxFilter(2 * pixels + 1))
    result: Array = np.asarray(picture) > 0
    return result


def closed_form(photo: UInt8Array, inside: Array, unknown: Array) -> UInt8Array:
    """Return closed-form matting's alpha, uint8 [height, width], of the masks `inside` and `unknown`, bool."""
    trimap = np.where(unknown, 0.5, inside).astype(np.float64)
    if not (inside & ~unknown).any() or (inside | unknown).all():
        return (inside * 255).astype(np.uint8)
    alpha: UInt8Array = np.rint(255 * estimate_alpha_cf(photo / 255.0, trimap)).astype(np.uint8)
    return alpha


def hard(edges: Edges) -> Method:
    """Return the method of `alpha=hard` with `edges`."""

    def method(prediction: Prediction, image: UInt8Array, photo: UInt8Array) -> UInt8Array:
        alpha: UInt8Array = (enlarged(prediction, image, photo, edges) != 0) * np.uint8(255)
        return alpha

    return method


def soft(prediction: Prediction, image: UInt8Array, photo: UInt8Array) -> UInt8Array:
    return soft_alpha(enlarged(prediction, image, photo, "photo"), photo)


def peer(prediction: Prediction, image: UInt8Array, photo: UInt8Array) -> UInt8Array:
    inside = enlarged(prediction, image, photo, "photo") != 0
    return closed_form(photo, inside, near(inside, UNKNOWN) & near(~inside, UNKNOWN))


METHODS: dict[str, Method] = {
    "edges=model, alpha=hard": hard("model"),
    "edges=photo, alpha=hard": hard("photo"),
    "edges=photo, alpha=soft": soft,
    "closed-form of its labels": peer,
}


def main() -> None:
    parser = voc_argument_parser("benchmarks.accuracy.matting", __doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to save cut-outs side by side")
    arguments = parser.parse_args()

    settings = Settings.from_environment()
    engine = create_model(settings).loading.result()
    errors = dict.fromkeys(METHODS, 0.0)
    seconds = dict.fromkeys(METHODS, 0.0)
    pixels = photos = 0
    for photo_file, mask_file in read_voc(arguments.voc, arguments.every):
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask)
        decoded = read_image(photo_file.read_bytes(), max_pixels=10**9)
        photo, image = np.asarray(decoded.image), np.asarray(resized(decoded, settings.image_size))
        prediction = engine.predict(image)
        void = truth == VOID
        reference = closed_form(photo, ~void & (truth != 0), void).astype(np.float32)
        band = near(void, BAND)
        photos, pixels = photos + 1, pixels + int(band.sum())
        alphas = {}
        for name, method in METHODS.items():
            began = perf_counter()
            alphas[name] = method(prediction, image, photo)
            seconds[name] += perf_counter() - began
            errors[name] += float(np.abs(alphas[name][band] - reference[band]).sum()) / 255
        if arguments.pictures:
            save(arguments.pictures / f"{photo_file.stem}.png", photo, list(alphas.values())[1:])
    print(f"{f'IMAGE_SIZE={settings.image_size}, {photos} photos':30} mean error of alpha")
    for name in METHODS:
        print(f"{name:30}{100 * errors[name] / pixels:15.2f} %{1000 * seconds[name] / photos:10.0f} ms")


def save(path: Path, photo: UInt8Array, alphas: list[UInt8Array]) -> None:
    """Save `photo` cut out by each of `alphas`, side by side: the last with the peer's foreground colours."""
    whole = slice(0, photo.shape[0]), slice(0, photo.shape[1])
    colours = [Foreground(photo, alpha).colours(whole) / 255.0 for alpha in alphas[:-1]]
    colours.append(estimate_foreground_ml(photo / 255.0, alphas[-1] / 255.0))
    pieces = []
    for colour, alpha in zip(colours, alphas, strict=True):
        share = alpha[..., np.newaxis] / 255.0
        pieces.append(share * colour + (1 - share) * np.array(BEHIND) / 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * np.hstack(pieces)).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
