"""Where a model's frozen graph comes from: bundled, in the cache folder, or a file of the user's own."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from core.weights.archive import LABELS as LABELS_FILE
from core.weights.archive import read_model_file
from core.errors import ModelError
from core.labels import LABELS, read_labels

ROOT = Path(__file__).parent.parent
MOBILE = ROOT / "assets" / "deeplabv3_mnv2_pascal_trainval.pb"
ZOO = "https://download.tensorflow.org/models"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of TensorFlow's DeepLab model zoo, licensed under Apache-2.0.

    The SHA-512 of the frozen graph's file, in hex, decides whether it is the right one; the MD5 of the archive in which
    the zoo publishes it only tells where it went wrong. `bundled` is the graph's file where it comes with the code.
    """

    name: str
    backbone: str
    archive: str
    archive_md5: str
    sha512: str
    bundled: Path | None = None


MODELS = {
    model.name: model
    for model in (
        KnownModel(
            name="mobile",
            backbone="MobileNetV2",
            archive="deeplabv3_mnv2_pascal_trainval_2018_01_29.tar.gz",
            archive_md5="4020e71ab31636648101b000cca3b6b4",
            # Of the bundled file: the same weights, rebuilt from another package (assets/README.md).
            sha512="28c84b511ae24172b1396895b7207544de0ad83373c048c245049289194bfd93"
            "62ffafacd4a1d0bea6399f9dab8f38669e390ea4fea6786d99dc63fdf31150fc",
            bundled=MOBILE,
        ),
        KnownModel(
            name="full",
            backbone="Xception-65",
            archive="deeplabv3_pascal_trainval_2018_01_04.tar.gz",
            archive_md5="7a4c217c0f122544678a4f590141ccf7",
            sha512="6950b487ada8e176d6beeed855c51a4b48bfc4db6daf00895c768e835e7924a7"
            "e4c966dad90187dc4092f144802b3c9379db77dee9cd6c4f24504dc5139bb256",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Weights:
    """A graph to serve: the file at `path`, its SHA-256 in hex, and the names of its classes by id."""

    model_type: str
    backbone: str
    path: Path
    sha256: str
    labels: tuple[str, ...] = LABELS


def find(name: str, cache: Path, sha512: str = "") -> Weights:
    """Return the graph of the known model `name`, bundled or in the folder `cache`, verified.

    `sha512` replaces its known SHA-512. Raises ModelError, with the command that mends it, where the graph is not
    there or not the right one.
    """
    model = MODELS[name]
    path = model.bundled or cached(model, cache)
    mend = f"git checkout {path.relative_to(ROOT)}" if model.bundled else f"python cli.py fetch {name}"
    if not path.exists():
        raise ModelError(f"the graph of MODEL_TYPE={name} is not there: {path}; get it with: {mend}")
    if sha512:
        logger.warning("the graph of %s is checked against MODEL_SHA512, %s, not against the zoo's own", name, sha512)
    found = _checksum(path, "sha512")
    expected = sha512 or model.sha512
    if found != expected:
        raise ModelError(f"the graph {path} is damaged: its sha512 is {found}, expected {expected}; mend: {mend}")
    return Weights(name, model.backbone, path, _checksum(path, "sha256"))


def own(path: Path, labels: Path | None) -> Weights:
    """Return the user's own graph at `path`, a .pb or an archive, with its classes' names from the file `labels`.

    Without that file they are those of the archive's labels.txt, or PASCAL VOC's. Raises ModelError.
    """
    if labels:
        try:
            names = read_labels(labels.read_bytes(), str(labels))
        except OSError as error:
            raise ModelError(f"MODEL_LABELS={str(labels)!r} can't be read: {error.strerror}") from error
    else:
        content = read_model_file(path, LABELS_FILE)
        names = LABELS if content is None else read_labels(content, f"{LABELS_FILE} in {path}")
    return Weights("own", "unknown", path, _checksum(path, "sha256"), names)


def cached(model: KnownModel, cache: Path) -> Path:
    """Return where the graph of `model` lies in the folder `cache`, or will."""
    return cache / f"{model.archive.removesuffix('.tar.gz')}.pb"


def _checksum(path: Path, algorithm: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise ModelError(f"the model's graph {path} can't be read: {error.strerror}") from error
