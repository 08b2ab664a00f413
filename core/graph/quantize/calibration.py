"""What photos tell about the values of a network's layers, and the file beside the graph that keeps it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.errors import ModelError
from core.types import Array

# Significant digits of the numbers in the file: the ranges have 255 steps.
DIGITS = 4
COMMAND = "make it with: python cli.py calibrate FOLDER, a folder of photos"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The ranges and the bias corrections of the layers of the graph whose file has the checksum `graph_sha256`.

    `maxima` has, by the name of a layer, the largest absolute value of each channel on typical photos, float32
    [channels]. `corrections` has the values that are added to its bias, float32 [channels]: the mean error of the
    integers on photos, which depends on the rounding of the weights. `made_from` says which photos these were.
    """

    graph_sha256: str
    made_from: str
    maxima: Mapping[str, Array]
    corrections: Mapping[str, Array]

    def write(self, path: Path) -> None:
        """Write the file `path`, JSON. Raises OSError."""
        content = asdict(self)
        for kind in ("maxima", "corrections"):
            content[kind] = {name: [rounded(value) for value in values] for name, values in content[kind].items()}
        path.write_text(json.dumps(content, separators=(",", ":")).replace('],"', '],\n"') + "\n")


def calibration_path(graph: Path) -> Path:
    """Return the path of the calibration of the file `graph`, which lies beside it."""
    return graph.with_suffix(".int8.json")


def read_calibration(graph: Path) -> Calibration:
    """Return the calibration of the file `graph`. Raises ModelError if there is none, or if it is of another graph."""
    path = calibration_path(graph)
    try:
        content = json.loads(path.read_text())
        maxima, corrections = (
            {name: np.array(values, np.float32) for name, values in content[kind].items()}
            for kind in ("maxima", "corrections")
        )
        calibration = Calibration(content["graph_sha256"], content["made_from"], maxima, corrections)
    except FileNotFoundError:
        raise ModelError(f"PRECISION=int8 needs {path}, which does not exist; {COMMAND}") from None
    except OSError as error:
        raise ModelError(f"PRECISION=int8 needs {path}, which can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a calibration ({type(error).__name__}: {error}); {COMMAND}") from error
    if (found := checksum(graph)) != calibration.graph_sha256:
        raise ModelError(
            f"{path} belongs to a graph of sha256 {calibration.graph_sha256}, but {graph} has {found}; {COMMAND}"
        )
    return calibration


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file `path` in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rounded(value: float) -> float:
    """Return `value` with DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")
