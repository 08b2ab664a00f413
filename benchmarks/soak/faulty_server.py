"""Serves the real service with a session that breaks at an image that is more than 100 times as wide as high.

With the environment variable FAULT=hang, the session does not return from that image. With FAULT=fail, it raises at
that image and at every later one.
"""

import os
import sys
import threading
from typing import Any

import app
from core.runtime.engine import Engine
from core.types import Prediction, UInt8Array


class FaultyEngine(Engine):
    """An engine that breaks at one image."""

    _broken = False

    def predict(self, image: UInt8Array) -> Prediction:
        """Hang, raise RuntimeError, or predict as Engine does."""
        height, width = image.shape[:2]
        if width > 100 * height:
            if os.environ["FAULT"] == "hang":
                threading.Event().wait()
            self._broken = True
        if self._broken:
            raise RuntimeError("the session is broken")
        return super().predict(image)


def main() -> None:
    """Serve as `python app.py` does."""
    engine: Any = sys.modules["core.runtime.engine"]
    engine.Engine = FaultyEngine
    app.main()


if __name__ == "__main__":
    main()
