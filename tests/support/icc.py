"""Writes ICC colour profiles (ICC.1:2022, version 2 of the format)."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# CIE 1931 x and y of red, green and blue (SMPTE EG 432-1, Adobe RGB (1998)).
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
# Bradford's cone responses (ICC.1:2022, annex E).
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def matrix_profile(primaries: Sequence[tuple[float, float]], gamma: float) -> bytes:
    """Return the profile of a display with `primaries`, CIE x and y of red, green and blue, and the white point D65."""
    columns = np.stack([_xyz(*primary) for primary in primaries], axis=1)
    columns *= np.linalg.solve(columns, _xyz(*D65))
    cones = BRADFORD @ _xyz(*D50) / (BRADFORD @ _xyz(*D65))
    columns = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ columns
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz_tag(_xyz(*D50)),
        **{name: _xyz_tag(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(">I4s4s4s4s4s12x4s", 0, bytes(4), b"\2\x40\0\0", b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + _fixed(_xyz(*D50)) + bytes(48)
    profile = head + table + content
    return struct.pack(">I", len(profile)) + profile[4:]


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([x / y, 1, (1 - x - y) / y])


def _fixed(values: npt.NDArray[np.float64]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _xyz_tag(values: npt.NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)
