"""Activation ranges measured on photos, and the JSON file next to the graph that stores them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError
from core.types import Array
from core.weights.registry import checksum

# Significant digits of the numbers in the file. The ranges have 255 steps, and the corrections are small.
DIGITS = 3
COMMAND = "make it with: python cli.py calibrate FOLDER, a folder of photos"


@dataclass(frozen=True, slots=True)
class Corrections:
    """What cancels the mean errors of the integers, which depend on the rounding of the weights.

    `biases` has the values that are added to the bias of a layer, by its name. `padding` is added to the features of
    padding (see Network). All are float32 [channels].
    """

    biases: Mapping[str, Array]
    padding: Array


@dataclass(frozen=True, slots=True)
class Calibration:
    """The ranges and the corrections of the layers of the graph whose file has the checksum `graph_sha256`.

    `ranges` has, by the name of a layer, the least and the largest value of each channel on typical photos, float32 [2,
    channels]. `exact` is for CPUs that add products exactly, `saturating` for those whose sums may saturate, so that
    their weights are smaller. `made_from` says which photos were measured.
    """

    graph_sha256: str
    made_from: str
    ranges: Mapping[str, Array]
    exact: Corrections
    saturating: Corrections

    def write(self, path: Path) -> None:
        """Write the file `path`, JSON. Raises OSError."""
        text = json.dumps(asdict(self), separators=(",", ":"), default=_rounded)
        path.write_text(text.replace('],"', '],\n"') + "\n")


def missing(path: Path, command: str = COMMAND) -> str:
    """Return the message that there is no calibration at `path`, and the `command` that makes it."""
    return f"PRECISION=int8 needs {path}, which does not exist; {command}"


def calibration_path(graph: Path) -> Path:
    """Return the path of the calibration of the file `graph`, which lies beside it."""
    return graph.with_suffix(".int8.json")


def read_calibration(graph: Path) -> Calibration:
    """Return the calibration of the file `graph`. Raises ModelError if there is none, or if it is of another graph."""
    path = calibration_path(graph)
    try:
        content = json.loads(path.read_text())
        exact, saturating = (
            Corrections(_arrays(content[kind]["biases"]), np.array(content[kind]["padding"], np.float32))
            for kind in ("exact", "saturating")
        )
        ranges = _arrays(content["ranges"])
        calibration = Calibration(content["graph_sha256"], content["made_from"], ranges, exact, saturating)
    except FileNotFoundError:
        raise ModelError(missing(path)) from None
    except OSError as error:
        raise ModelError(f"PRECISION=int8 needs {path}, which can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a calibration ({type(error).__name__}: {error}); {COMMAND}") from error
    if (found := checksum(graph, "sha256")) != calibration.graph_sha256:
        raise ModelError(
            f"{path} belongs to a graph of sha256 {calibration.graph_sha256}, but {graph} has {found}; {COMMAND}"
        )
    return calibration


def as_written(values: Array) -> Array:
    """Return `values` as they are when they have been written and read."""
    return np.array(_rounded(values), np.float32)


def _arrays(lists: Mapping[str, list[Any]]) -> dict[str, Array]:
    return {name: np.array(values, np.float32) for name, values in lists.items()}


def _rounded(values: Array) -> list[Any]:
    """Return `values` as nested lists of numbers with DIGITS significant digits."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.{DIGITS}g}") for value in values]
