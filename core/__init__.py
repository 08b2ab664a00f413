"""Semantic segmentation: from the bytes of an image to the class of every pixel. Knows no HTTP."""

import os

# The queue's workers use all cores. The threads of OpenBLAS, which multiplies NumPy's matrices, wait for each other by
# spinning: on busy cores that takes ten times as long as one thread does. NumPy reads the variable when it is imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
