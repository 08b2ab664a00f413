"""Rebuild the mobile model's frozen graph from IBM's TensorFlow.js package.

    python assets/convert.py codait-max-image-segmenter-0.3.0.tgz assets/deeplabv3_mnv2_pascal_trainval.pb

The package holds the DeepLab model zoo's frozen graph as tensorflowjs 0.8.0 split it: `model.json` has the GraphDef
as protobuf JSON with empty constants (`modelTopology`) and a manifest of the constants' shapes (`weightsManifest`);
the shards have the constants' bytes, little-endian, one after another in the manifest's order. This puts them
together again. The same package gives the same bytes every time.
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
from tensorflow.core.framework.graph_pb2 import GraphDef

Json = dict[str, Any]

# npm's own checksum of @codait/max-image-segmenter@0.3.0 (`npm view ... dist.integrity`).
INTEGRITY = "sha512-64TEUztHIRaiB2rmCOplV5NX0AYCAntvn5znZB7M2K1NI3GO0+VRVOoKAMXE+v5Os/XUs3bSlNL/EghChkaH0Q=="


def check_integrity(package: Path) -> None:
    """Refuse a package whose sha512 is not the one npm publishes."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise SystemExit(f"{package}: expected integrity {INTEGRITY}, found {found}; download it again")


def read_package(package: Path) -> tuple[Json, list[Json], bytes]:
    """Return the topology (protobuf JSON), the manifest's weights and the bytes of all their values."""
    with tarfile.open(package) as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(f"package/model/{name}")
            assert file is not None, f"{name} is not a regular file"
            return file.read()

        model = json.loads(member("model.json"))
        [group] = model["weightsManifest"]
        return model["modelTopology"], group["weights"], b"".join(map(member, group["paths"]))


def rebuild(topology: Json, weights: list[Json], values: bytes) -> GraphDef:
    """Return the frozen graph: `topology` with each constant filled from `values`, which must be used up exactly."""
    # The converter wrote an empty FunctionDefLibrary in a form that protobuf's JSON parser does not take.
    graph = json_format.ParseDict({key: value for key, value in topology.items() if key != "library"}, GraphDef())
    nodes = {node.name: node for node in graph.node}
    offset = 0
    for weight in weights:
        size = math.prod(weight["shape"]) * np.dtype(weight["dtype"]).itemsize
        nodes[weight["name"]].attr["value"].tensor.tensor_content = values[offset : offset + size]
        offset += size
    if offset != len(values):
        raise SystemExit(f"the manifest describes {offset:,} bytes of weights, the shards hold {len(values):,}")
    return graph


def main(package: Path, target: Path) -> None:
    check_integrity(package)
    graph = rebuild(*read_package(package))
    target.write_bytes(graph.SerializeToString(deterministic=True))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {len(graph.node)} nodes, {target.stat().st_size:,} bytes, sha256 {digest}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
