"""Rebuild the mobile model's frozen graph from IBM's TensorFlow.js package.

    python -m assets.convert codait-max-image-segmenter-0.3.0.tgz assets/deeplabv3_mnv2_pascal_trainval.pb

The package holds the frozen graph of the DeepLab model zoo as tensorflowjs 0.8.0 split it. `model.json` has the
GraphDef as protobuf JSON with empty constants (`modelTopology`) and a manifest of the constants' shapes
(`weightsManifest`). The shards have the bytes of the constants, little-endian, in the order of the manifest. The
output is a binary GraphDef, and its bytes depend on the package only.
"""

import base64
import hashlib
import json
import math
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format

from core.tensorflow import tf

Json = dict[str, Any]

# The checksum that npm publishes for @codait/max-image-segmenter@0.3.0 (`npm view ... dist.integrity`).
INTEGRITY = "sha512-64TEUztHIRaiB2rmCOplV5NX0AYCAntvn5znZB7M2K1NI3GO0+VRVOoKAMXE+v5Os/XUs3bSlNL/EghChkaH0Q=="


def check_integrity(package: Path) -> None:
    """Exit with a message if the SHA-512 of `package` is not the one that npm publishes."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise SystemExit(f"{package}: expected integrity {INTEGRITY}, found {found}; download it again")


def read_package(package: Path) -> tuple[Json, list[Json], bytes]:
    """Return the topology (protobuf JSON), the weights of the manifest, and the bytes of all shards, joined."""
    with tarfile.open(package) as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(f"package/model/{name}")
            assert file is not None, f"{name} is not a regular file"
            return file.read()

        model = json.loads(member("model.json"))
        [group] = model["weightsManifest"]
        return model["modelTopology"], group["weights"], b"".join(map(member, group["paths"]))


def rebuild(topology: Json, weights: list[Json], values: bytes) -> Any:
    """Return the frozen GraphDef: `topology` with its constants filled from `values`, in the order of `weights`.

    Exits with a message if `weights` and `values` differ in length.
    """
    # tensorflowjs wrote an empty FunctionDefLibrary in a form that protobuf's JSON parser rejects.
    supported = {key: value for key, value in topology.items() if key != "library"}
    graph = json_format.ParseDict(supported, tf.compat.v1.GraphDef())
    nodes = {node.name: node for node in graph.node}
    offset = 0
    for weight in weights:
        size = math.prod(weight["shape"]) * np.dtype(weight["dtype"]).itemsize
        nodes[weight["name"]].attr["value"].tensor.tensor_content = values[offset : offset + size]
        offset += size
    if offset != len(values):
        raise SystemExit(f"the manifest describes {offset:,} bytes of weights, but the shards hold {len(values):,}")
    return graph


def main(package: Path, target: Path) -> None:
    """Convert `package`, the .tgz file, to the graph `target`; print its size and SHA-256."""
    check_integrity(package)
    graph = rebuild(*read_package(package))
    target.write_bytes(graph.SerializeToString(deterministic=True))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {len(graph.node)} nodes, {target.stat().st_size:,} bytes, sha256 {digest}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
