"""Benchmarks; README.md lists them."""

import core  # noqa: F401 (before any module imports NumPy, whose threads it sets)
