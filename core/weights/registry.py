"""The graph to serve: a known model, bundled or in the cache folder, or a custom graph."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.labels import LABELS, read_labels
from core.weights.archive import LABELS_FILE, read_model_file

ROOT = Path(__file__).parent.parent.parent
# The graph of the model "mobile", which comes with the code.
MOBILE = ROOT / "assets" / "deeplabv3_mnv2_pascal_trainval.pb"
# Base URL of the archives of TensorFlow's DeepLab model zoo.
ZOO = "https://download.tensorflow.org/models"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of TensorFlow's DeepLab model zoo, licensed under Apache-2.0.

    `sha512`, in hex, is the checksum of the frozen graph, which must match. `archive_md5` is the checksum of the zoo's
    archive; it only makes the error message more exact. `bundled` is the graph's file if it comes with the code.
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
            # Of the bundled file, which has the same weights, rebuilt from another package (assets/README.md).
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


def known_weights(name: str, cache: Path | None, sha512: str = "") -> Weights:
    """Return the verified graph of the known model `name`: the bundled file, or the one in the folder `cache`.

    `sha512`, in hex, replaces the known SHA-512. Raises ModelError, with the command that restores the graph, if the
    graph is missing or has another checksum.
    """
    model = MODELS[name]
    path = model.bundled or cached_graph(model, cache_folder(cache))
    command = f"git checkout {path.relative_to(ROOT)}" if model.bundled else f"python cli.py fetch {name}"
    if not path.exists():
        raise ModelError(f"the graph of MODEL_TYPE={name} is missing: {path}; get it with: {command}")
    if sha512:
        logger.warning("the graph of %s is verified with MODEL_SHA512, %s, not with the zoo's checksum", name, sha512)
    found = checksum(path, "sha512")
    expected = sha512 or model.sha512
    if found != expected:
        raise ModelError(
            f"the graph {path} is damaged: its sha512 is {found}, expected {expected}; restore it with: {command}"
        )
    return Weights(name, model.backbone, path, checksum(path, "sha256"))


def custom_weights(path: Path, labels: Path | None) -> Weights:
    """Return the custom graph at `path`, a .pb file or an archive, with the class names in the file `labels`.

    Without `labels`, the class names are those in labels.txt of the archive, or else PASCAL VOC's. Raises ModelError if
    a file can't be read or the names are not valid.
    """
    if labels:
        try:
            names = read_labels(labels.read_bytes(), str(labels))
        except OSError as error:
            raise ModelError(f"MODEL_LABELS={str(labels)!r} can't be read: {error.strerror}") from error
    else:
        content = read_model_file(path, LABELS_FILE)
        names = LABELS if content is None else read_labels(content, f"{LABELS_FILE} in {path}")
    return Weights("own", "unknown", path, checksum(path, "sha256"), names)


def cache_folder(cache: Path | None) -> Path:
    """Return `cache`, the setting MODEL_CACHE. Raises ModelError if it is None: unset, and the user has no home."""
    if not cache:
        raise ModelError("MODEL_CACHE is not set, and this user has no home directory; set it to a folder")
    return cache


def cached_graph(model: KnownModel, cache: Path) -> Path:
    """Return the path of the graph of `model` in the folder `cache`, whether it exists or not."""
    return cache / f"{model.archive.removesuffix('.tar.gz')}.pb"


def checksum(path: Path, algorithm: str) -> str:
    """Return the checksum of the graph at `path`, in hex, by `algorithm` of hashlib. Raises ModelError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise ModelError(f"the model's graph {path} can't be read: {error.strerror}") from error
