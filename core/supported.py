"""The Python versions and the system that the project runs on, and the check of both.

`python -m core.supported` checks the Python that runs it. Python 3.6 and later can parse this module, core/__init__.py,
app.py and cli.py, so that an old Python gets as far as the message.
"""

import platform
import sys

# pyproject.toml, the workflow and the documents repeat these versions; a test compares them.
PYTHONS = ((3, 11), (3, 12), (3, 13))
SYSTEM = "Linux"
DOCKER = "docker build -t max-image-segmenter . && docker run -p 5000:5000 max-image-segmenter"


def require_support() -> None:
    """End the program with one line if this Python or this system is not supported.

    Call it before the imports of other modules: they need a newer Python, packages that are not installed, or Linux.
    """
    if sys.version_info[:2] in PYTHONS and platform.system() == SYSTEM:
        return
    *others, last = [f"{major}.{minor}" for major, minor in PYTHONS]
    version = ".".join(str(number) for number in sys.version_info[:3])
    system = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    sys.exit(
        f"error: Python {version} on {system} can't be used; needed: Python {', '.join(others)} or {last} on {SYSTEM}, "
        f"or Docker: {DOCKER}"
    )


if __name__ == "__main__":
    require_support()
