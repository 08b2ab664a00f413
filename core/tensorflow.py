"""TensorFlow, imported without the lines that it prints at its start."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# glog's form of an information line, and the warning that precedes the first of them. TF_CPP_MIN_LOG_LEVEL does not
# silence those that TensorFlow's libraries print while they are being loaded.
NOISE = re.compile(rb"(I\d{4} |WARNING: All log messages before absl::InitializeLog)")


@contextmanager
def without_information_lines() -> Iterator[None]:
    """Hold back what is written to the standard error meanwhile, by C++ too, then pass on all but the noise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # from now on, warnings and worse, unless the user asks for more
    stderr = os.dup(2)
    with open(os.memfd_create("stderr"), "r+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not NOISE.match(line)))


@contextmanager
def without(module: str) -> Iterator[None]:
    """Let `module` not be found meanwhile, unless it has been imported already."""
    hidden = sys.modules.setdefault(module, None) is None  # type: ignore[arg-type] # None is Python's own sign for that
    try:
        yield
    finally:
        if hidden:
            del sys.modules[module]


# By itself TensorFlow computes with oneDNN only where the CPU has AVX-512 VNNI or the like. The dilated depthwise
# convolutions of an optimized graph are in oneDNN alone: without it no image could be segmented.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

# It compiles each convolution for each shape of image, 29 for the mobile model, and keeps the last so many: 1,024 by
# itself, which is 35 shapes. At 513 pixels there are 127: where all are asked for, keeping them takes a third of the
# time away, and 100 MB (benchmarks/shapes.py). And what it has dropped, TensorFlow keeps in one thread and compiles
# anew in the other: memory then grows for thousands of requests.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

# Where Keras is installed, TensorFlow imports it, and it what it finds of Matplotlib, pandas and IPython: seconds, and
# 100 MB, for what a frozen graph never touches. The image has no Keras.
with without("keras"), without_information_lines():
    import tensorflow as tf

__all__ = ["tf"]
