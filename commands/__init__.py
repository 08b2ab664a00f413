"""The commands of `python cli.py`, a module or a package each; `shared` has the code that several need."""

import core  # noqa: F401 (before any module imports NumPy, whose threads it sets)
