"""Where a model's frozen graph comes from, and the proof that it is the right one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError

ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True, slots=True)
class Weights:
    """A known model's graph: its file, the SHA-256 of that file in hex, and the name of its backbone."""

    path: Path
    sha256: str
    backbone: str

    def verify(self) -> None:
        """Raise ModelError unless the file is there and has the right checksum."""
        try:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"the model's graph {self.path} can't be read: {error.strerror}") from error
        if found != self.sha256:
            raise ModelError(
                f"the model's graph {self.path} is damaged: its sha256 is {found}, expected {self.sha256}; "
                f"restore it with: git checkout {self.path.relative_to(ASSETS.parent)}"
            )


WEIGHTS = {
    "mobile": Weights(
        path=ASSETS / "deeplabv3_mnv2_pascal_trainval.pb",
        sha256="b12760a3ba4d6e7a1b3fe34141667cb798338a6af159d9ad2088ca1bbff875e4",
        backbone="MobileNetV2",
    ),
}
