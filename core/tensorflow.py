"""Importing TensorFlow: without its start-up messages, without Keras, and with oneDNN."""

import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Lines of level "information" in glog's format, and the warning that precedes the first of them. TF_CPP_MIN_LOG_LEVEL
# does not silence the lines that TensorFlow's libraries print while they are loaded.
INFORMATION = re.compile(rb"(I\d{4} |WARNING: All log messages before absl::InitializeLog)")


@contextmanager
def without_information_lines() -> Iterator[None]:
    """Remove information lines from everything that Python or C++ code writes to the standard error in this context.

    The other lines are written when the context ends.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only from now on, unless the user has chosen a level
    stderr = os.dup(2)
    with open(os.memfd_create("stderr"), "r+b") as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            os.write(2, b"".join(line for line in captured if not INFORMATION.match(line)))


@contextmanager
def hidden_module(name: str) -> Iterator[None]:
    """Make the import of the module `name` fail in this context, unless it has been imported before."""
    # None in sys.modules makes an import raise ModuleNotFoundError: Python's documented way (The Python Language
    # Reference, 5.3.1, "The module cache"). TensorFlow has no option to leave out Keras, and pip installs it as one of
    # TensorFlow's requirements.
    hidden = sys.modules.setdefault(name, None) is None  # type: ignore[arg-type] # typeshed does not know None here
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Pause Python's garbage collector in this context, and leave the objects of its end out of later collections.

    Of the CPU time that importing thousands of modules takes, a quarter goes into collections that find nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


# By default TensorFlow uses oneDNN only if the CPU has AVX-512 VNNI or a later extension. Only oneDNN implements the
# dilated depthwise convolutions of an optimized graph: without it, no image could be segmented.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

# Each session has its own CPU threads (core.runtime.sessions). By default all sessions share those of the first one.
os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"

# oneDNN compiles each convolution for each image shape, 29 convolutions in the mobile model, and caches the latest
# 1,024 by default, which is 35 shapes. At IMAGE_SIZE=513 there are 127 shapes. If clients send all of them, caching all
# saves a third of the time and costs 100 MB (`python -m benchmarks.http.shapes`). A small cache also makes the memory
# grow for thousands of requests: TensorFlow keeps a dropped convolution in one thread while another compiles it again.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

# If Keras is installed, importing TensorFlow imports Keras, and Keras imports Matplotlib, pandas and IPython if they
# are installed. That takes seconds and 100 MB, and a frozen graph needs none of them. The Docker image has no Keras.
with hidden_module("keras"), without_information_lines(), without_garbage_collection():
    import tensorflow as tf

__all__ = ["tf"]
